"""``tfstream models``: versions and who is in charge."""

from __future__ import annotations

from typing import Annotated

import typer

from tfstream import config
from tfstream.app.training.promote import promote as promote_version
from tfstream.app.training.promote import roll_back
from tfstream.cli.options import AnyTopic, By, Json, Topic, whoever
from tfstream.cli.output import cell, out, plain, print_gate, print_json, print_table, say, tell
from tfstream.storage import champion_history, models, training_runs
from tfstream.storage.training_runs import RunRow
from tfstream.wiring import find_stream, open_database

app = typer.Typer(help="Model versions of a stream, and the champion among them.", no_args_is_help=True)

Version = Annotated[int, typer.Argument(help="The model's version.")]
_RUN_SHOWN = ("topic", "started_at", "took", "outcome", "model_version", "rows", "reason")
_SHOWN = ("version", "status", "created_at", "trained_from", "trained_until", "rows", "sha256")
_REIGN_SHOWN = ("version", "since", "until", "how", "changed_by", "reason")


@app.command("list")
def list_(topic: Topic, as_json: Json = False) -> None:
    """All versions, newest first."""
    database = open_database(config.load())
    stream = find_stream(database, topic)
    with database.begin() as connection:
        found = models.list_all(connection, stream.id)
    if as_json:
        print_json([_without_bundle(row) for row in found])
        return
    rows = [(*(getattr(row, name) for name in _SHOWN[:-1]), row.sha256[:12]) for row in found]
    print_table(_SHOWN, rows, empty=f"stream {topic} has no model yet; run `tfstream train --topic {topic}`")


@app.command()
def show(version: Version, topic: Topic, as_json: Json = False) -> None:
    """One version with its metrics, and what the gate said of it."""
    database = open_database(config.load())
    stream = find_stream(database, topic)
    with database.begin() as connection:
        row = models.load(connection, stream.id, version)
    shown = _without_bundle(row) | {"bundle_bytes": len(row.bundle)}
    if as_json:
        print_json(shown)
        return
    del shown["metrics"]
    metrics = {name: value for name, value in row.metrics.items() if name != "gate"}
    for name, value in (shown | metrics).items():
        if name != "reason" or value != row.metrics.get("gate", {}).get("reason"):  # its table ends with that
            out.print(f"{name:<22}{_told(value)}", soft_wrap=True)
    print_gate(row.metrics)


@app.command()
def runs(
    topic: AnyTopic = None,
    limit: Annotated[int, typer.Option(help="At most so many.", min=1)] = 30,
    as_json: Json = False,
) -> None:
    """Refits, newest first: what they learnt from, how they ended, and why."""
    database = open_database(config.load())
    stream_id = None if topic is None else find_stream(database, topic).id
    with database.begin() as connection:
        found = training_runs.list_all(connection, stream_id=stream_id, limit=limit)
    if as_json:
        print_json(found)
        return
    shown = [name for name in _RUN_SHOWN if name != "topic" or topic is None]
    print_table(shown, [[_shown(name, run) for name in shown] for run in found], empty="no refits yet")


def _shown(name: str, run: RunRow) -> object:
    """A column of the refits."""
    if name == "took":
        return "-" if run.took is None else f"{run.took.total_seconds():.0f}s"
    if name == "outcome":
        return run.outcome or "running"
    return getattr(run, name)


@app.command()
def promote(version: Version, topic: Topic, by: By = None, as_json: Json = False) -> None:
    """Put a version in charge; running scorers take it up within seconds."""
    database = open_database(config.load())
    change = promote_version(database, find_stream(database, topic), version, by or whoever())
    if as_json:
        print_json(change)
        return
    say(f"model version {version} is in charge of {topic}")
    if change.had_been_rejected:
        tell("note:", "yellow", f"it had been rejected: {change.had_been_rejected}")


@app.command()
def rollback(
    topic: Topic,
    to: Annotated[int | None, typer.Option(help="Back to this version, not to the one before.")] = None,
    reason: Annotated[str | None, typer.Option(help="Why; it is kept.")] = None,
    by: By = None,
    as_json: Json = False,
) -> None:
    """Back to the champion before; the present one is rejected, and does not come back by itself."""
    database = open_database(config.load())
    stream = find_stream(database, topic)
    change = roll_back(database, stream, to, by=by or whoever(), reason=reason)
    if as_json:
        print_json(change)
        return
    say(
        f"model version {change.version} is in charge of {topic} again; version {change.before} is rejected, "
        f"and a refit that gives the same bytes will be, too"
    )


@app.command()
def history(topic: Topic, as_json: Json = False) -> None:
    """Which version was in charge from when until when, newest first."""
    database = open_database(config.load())
    stream = find_stream(database, topic)
    with database.begin() as connection:
        found = champion_history.periods(connection, stream.id)
    if as_json:
        print_json(found)
        return
    rows = [[getattr(reign, name) for name in _REIGN_SHOWN] for reign in found]
    print_table(_REIGN_SHOWN, rows, empty=f"stream {topic} never had a model in charge")


def _told(value: object) -> str:
    """A metric as people read it: those in a mapping by name."""
    if isinstance(value, dict):
        return ", ".join(f"{name} {cell(part)}" for name, part in value.items()) or "-"
    return cell(value)


def _without_bundle(row: object) -> dict[str, object]:
    fields = plain(row)
    fields.pop("bundle", None)
    return dict(fields)
