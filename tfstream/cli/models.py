"""``tfstream models``: model versions of a stream, and which of them is the champion."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tfstream import config
from tfstream.app.detection_limits.limits_page import render_limits
from tfstream.app.training.promote import promote as promote_version
from tfstream.app.training.promote import roll_back
from tfstream.cli.options.shared import AnyTopic, By, Json, Limit, Topic, login_name
from tfstream.cli.output.gate_output import beyond_gate, in_lines, print_gate
from tfstream.cli.output.limits_output import print_detection_limits
from tfstream.cli.output.printing import (
    cell,
    out,
    plain,
    print_instruments,
    print_json,
    print_note,
    print_status,
    print_table,
    write_page,
)
from tfstream.cli.output.witness_output import print_witnesses
from tfstream.core.learning.detection_limits import from_metrics
from tfstream.errors import BadData
from tfstream.storage import champion_history, models, training_runs
from tfstream.storage.models import ModelRow
from tfstream.storage.training_runs import RunRow
from tfstream.wiring import find_stream, open_database

app = typer.Typer(no_args_is_help=True, help="List, promote and roll back models; list refits.")

_COLUMNS = ("version", "status", "created_at", "trained_from", "trained_until", "rows", "sha256")
_RUN_COLUMNS = ("topic", "started_at", "took", "outcome", "model_version", "rows", "reason")
_PRINTED_APART = ("gate", "counters", "slow_sensors", "checks_off", "witnesses", "detection_limits")
_CHAMPION_COLUMNS = ("version", "since", "until", "how", "changed_by", "reason")

Version = Annotated[int, typer.Argument(help="Version of the model; `models list` shows the versions.")]
ToVersion = Annotated[
    int | None, typer.Option("--to", help="Version to go back to; without it, the previous champion.")
]
Reason = Annotated[str | None, typer.Option(help="Reason to store with the rollback.")]
LimitsPage = Annotated[
    Path | None,
    typer.Option("--page", help="Write a page with the detection limits of all sensors to this HTML file."),
]


@app.command("list")
def list_(topic: Topic, as_json: Json = False) -> None:
    """List the model versions of a stream, newest first."""
    database = open_database(config.load())
    stream = find_stream(database, topic)
    with database.begin() as connection:
        versions = models.list_all(connection, stream.id)
    if as_json:
        print_json([_without_bundle(row) for row in versions])
        return
    rows = [(*(getattr(row, name) for name in _COLUMNS[:-1]), row.sha256[:12]) for row in versions]
    print_table(
        _COLUMNS, rows, empty=f"stream {topic} has no model yet; run `tfstream train --topic {topic}`"
    )


@app.command()
def show(version: Version, topic: Topic, page: LimitsPage = None, as_json: Json = False) -> None:
    """Show a model version: its metrics, the smallest faults that it detects, and the gate's table."""
    database = open_database(config.load())
    stream = find_stream(database, topic)
    with database.begin() as connection:
        row = models.load(connection, stream.id, version)
    fields = _without_bundle(row) | {"bundle_bytes": len(row.bundle)}
    if page is not None:
        _write_page(page, topic, row)
    if as_json:
        print_json(fields)
        return
    del fields["metrics"]
    metrics = {name: value for name, value in row.metrics.items() if name not in _PRINTED_APART}
    fields["reason"] = beyond_gate(row.reason, row.metrics)
    for name, value in (fields | metrics).items():
        if name != "reason" or value is not None:
            out.print(f"{name:<22}{_text(value)}", soft_wrap=True)
    print_instruments(row.metrics)
    print_witnesses(row.metrics, stream.definition.interval_us)
    print_detection_limits(row.metrics, every_sensor=True)
    print_gate(row.metrics)
    for warning in row.metrics.get("gate", {}).get("warnings", ()):
        print_note(warning)


def _write_page(path: Path, topic: str, row: ModelRow) -> None:
    """:raises BadData: when the limits of the model were not measured, or the file cannot be written."""
    limits = from_metrics(row.metrics)
    if limits is None:
        raise BadData(
            f"the detection limits of version {row.version} were not measured: an older program or "
            f"`train --no-gate` trained it, or too few rows were held out; train a new model with the gate"
        )
    write_page(path, render_limits(topic, row.version, limits))
    print_status(f"page written to {path}")


@app.command()
def promote(version: Version, topic: Topic, by: By = None, as_json: Json = False) -> None:
    """Make a version the champion; running scorers use it within seconds.

    It works for candidates, for rejected versions and for former champions.
    """
    database = open_database(config.load())
    change = promote_version(database, find_stream(database, topic), version, by or login_name())
    if as_json:
        print_json(change)
        return
    print_status(f"model version {version} is the champion of {topic}")
    if change.had_been_rejected:
        print_note(f"this version had been rejected:\n{in_lines(change.had_been_rejected)}")


@app.command()
def rollback(
    topic: Topic, to: ToVersion = None, reason: Reason = None, by: By = None, as_json: Json = False
) -> None:
    """Go back to the previous champion and reject the present champion.

    Use it when a new model raises too many alarms or misses faults; running scorers change within seconds.
    """
    database = open_database(config.load())
    stream = find_stream(database, topic)
    change = roll_back(database, stream, to, by=by or login_name(), reason=reason)
    if as_json:
        print_json(change)
        return
    print_status(
        f"model version {change.version} is the champion of {topic} again; version {change.before} is "
        f"rejected, and so is any later refit that gives the same bytes"
    )


@app.command()
def history(topic: Topic, as_json: Json = False) -> None:
    """List the champions of a stream, newest first: version, time, author and reason."""
    database = open_database(config.load())
    stream = find_stream(database, topic)
    with database.begin() as connection:
        periods = champion_history.periods(connection, stream.id)
    if as_json:
        print_json(periods)
        return
    rows = [[getattr(period, name) for name in _CHAMPION_COLUMNS] for period in periods]
    print_table(_CHAMPION_COLUMNS, rows, empty=f"stream {topic} has never had a champion")


@app.command()
def runs(topic: AnyTopic = None, limit: Limit = 30, as_json: Json = False) -> None:
    """List refits, newest first: training rows, outcome and reason."""
    database = open_database(config.load())
    stream_id = None if topic is None else find_stream(database, topic).id
    with database.begin() as connection:
        refits = training_runs.list_all(connection, stream_id=stream_id, limit=limit)
    if as_json:
        print_json(refits)
        return
    columns = [name for name in _RUN_COLUMNS if name != "topic" or topic is None]
    print_table(columns, [[_value(name, run) for name in columns] for run in refits], empty="no refits yet")


def _value(column: str, run: RunRow) -> object:
    """What a column of the refits shows of a run."""
    if column == "took":
        return "-" if run.took is None else f"{run.took.total_seconds():.0f}s"
    if column == "outcome":
        return run.outcome or "running"
    if column == "reason":
        return in_lines(run.reason)
    return getattr(run, column)


def _text(value: object) -> str:
    """A metric for people: the entries of a mapping by name."""
    if isinstance(value, dict):
        return ", ".join(f"{name} {cell(part)}" for name, part in value.items()) or "-"
    return cell(value)


def _without_bundle(row: object) -> dict[str, object]:
    fields = plain(row)
    fields.pop("bundle", None)
    return dict(fields)
