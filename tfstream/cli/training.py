"""``tfstream train`` and ``trainer``."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

import typer

from tfstream import config
from tfstream.app import training
from tfstream.app.trainer import Trainer
from tfstream.cli.options import Json, Topic
from tfstream.cli.output import duration_us, err, moment_us, print_gate, print_json, stages
from tfstream.errors import BadData, TfstreamError
from tfstream.storage import readings
from tfstream.wiring import find_stream, open_database, until_signalled

Seed = Annotated[int, typer.Option(help="The same seed, data and versions give the same model.")]

_TOLD = {"promoted": "is in charge", "candidate": "is a candidate", "rejected": "is rejected"}


def train(
    topic: Topic,
    since: Annotated[
        str | None,
        typer.Option(help="Learn from here on: a time, or a span back from the newest reading (14d)."),
    ] = None,
    until: Annotated[str | None, typer.Option(help="Learn up to here; as --since.")] = None,
    seed: Seed = 0,
    promote: Annotated[bool, typer.Option(help="Put the new model in charge.")] = True,
    gate: Annotated[
        bool,
        typer.Option(help="Judge it on the newest rows first, which are held out, beside the champion."),
    ] = True,
    as_json: Json = False,
) -> None:
    """Refit a stream once on its stored readings: fit, calibrate, judge, store, promote or reject."""
    database = open_database(config.load())
    stream = find_stream(database, topic)
    with database.begin() as connection:
        span = readings.span(connection, stream.id)
    if span is None:
        raise BadData(f"stream {topic} has no readings; fill it with `tfstream record` or `tfstream load`")
    options = training.TrainingOptions(
        since_us=moment_us(since, span[1]) if since else None,
        until_us=moment_us(until, span[1]) if until else None,
        seed=seed,
        promote=promote,
        gate=gate,
    )
    with stages(f"train {topic}") as report:
        result = training.train(database, stream, options, report)
    if as_json:
        print_json(result)
        return
    print_gate(result.metrics)
    err.print(
        f"model version {result.version} {_TOLD[result.outcome]}: "
        f"{result.rows} rows of {result.assets} assets, {result.bundle_bytes / 1e6:.1f} MB"
    )


def trainer(
    schedule: Annotated[
        str, typer.Option(envvar="TFSTREAM_SCHEDULE", help="When to refit: a cron expression, in UTC.")
    ] = "0 2 * * *",
    history: Annotated[
        str, typer.Option(envvar="TFSTREAM_HISTORY", help="How much of the newest readings to learn from.")
    ] = "14d",
    once: Annotated[bool, typer.Option("--once", help="Refit every stream now, and end.")] = False,
    seed: Seed = 0,
) -> None:
    """Refit every stream on a schedule."""
    database = open_database(config.load())
    worker = Trainer(database, history=timedelta(microseconds=duration_us(history)), seed=seed)
    with until_signalled() as stop:
        if not once:
            worker.run(schedule, stop)
        elif failed := worker.refit_all(stop):
            raise TfstreamError(f"not refitted: {', '.join(failed)}; the log says why")
