"""``tfstream train`` and ``trainer``."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any

import typer

from tfstream import config
from tfstream.app.runtime.shutdown import until_signalled
from tfstream.app.training.schedule import Schedule
from tfstream.app.training.train import TrainingResult
from tfstream.app.training.train import train as train_stream
from tfstream.app.training.trainer import RefitPlan, Trainer
from tfstream.app.training.training_options import TrainingOptions
from tfstream.cli.options import Json, Topic
from tfstream.cli.output import duration_us, moment_us, print_gate, print_json, say, stages, tell
from tfstream.errors import TfstreamError, UsageError
from tfstream.model.detector_config import DetectorConfig
from tfstream.wiring import find_stream, open_database, stored_span

Seed = Annotated[int, typer.Option(help="The same seed, data and versions give the same model.")]

_TOLD = {"promoted": "is in charge", "candidate": "is a candidate", "rejected": "is rejected"}

_ADVICE = {
    "candidate": "`tfstream models promote {version} --topic {topic}` puts it in charge",
    "rejected": (
        "where the readings held out for the gate have faults in them, leave these out with "
        "`tfstream exclusions add` and train again; `tfstream models promote {version} --topic {topic}` puts "
        "it in charge all the same"
    ),
}

_EXTRAPOLATED = (
    "the threshold is extrapolated: at {budget:g} a week, fewer than two false alarms were to be expected "
    "in the readings held out for it; they may come more or less often than asked; learn from a longer span"
)


def train(
    context: typer.Context,
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
    _, newest_us = stored_span(database, stream)
    options = TrainingOptions(
        since_us=moment_us(since, newest_us) if since else None,
        until_us=moment_us(until, newest_us) if until else None,
        seed=seed,
        promote=promote,
        gate=gate,
        config=context.ensure_object(DetectorConfig),
    )
    with stages(f"train {topic}") as report:
        result = train_stream(database, stream, options, report)
    if as_json:
        print_json(result)
        return
    print_gate(result.metrics)
    say(
        f"model version {result.version} {_TOLD[result.outcome]}: "
        f"{result.rows} rows of {result.assets} assets, {result.bundle_bytes / 1e6:.1f} MB"
    )
    if result.reason and result.reason != _gates_own(result.metrics):
        tell("note:", "yellow", result.reason)
    if advice := _ADVICE.get(result.outcome):
        tell("note:", "yellow", advice.format(version=result.version, topic=topic))
    _tell_left_out(result)
    if result.extrapolated:
        tell("note:", "yellow", _EXTRAPOLATED.format(budget=stream.definition.alarm_budget_per_week))


def _gates_own(metrics: Mapping[str, Any]) -> str | None:
    """The reason that stands below the gate's table."""
    gate = metrics.get("gate")
    return gate["reason"] if gate else None


def _tell_left_out(result: TrainingResult) -> None:
    """How much of the readings was not learnt from, and why."""
    if result.left_out:
        causes = ", ".join(f"{cause} {share:.1%}" for cause, share in result.left_out.items())
        say(f"left out: {causes}")
    for note in result.notes:
        tell("note:", "yellow", note)


def trainer(
    context: typer.Context,
    topics: Annotated[
        list[str] | None, typer.Option("--topic", "-t", help="Only this stream; may be given several times.")
    ] = None,
    schedule: Annotated[
        str,
        typer.Option(
            envvar="TFSTREAM_SCHEDULE",
            help="When to refit: a cron expression; a stream's own goes before it.",
        ),
    ] = "0 2 * * *",
    time_zone: Annotated[
        str,
        typer.Option(
            envvar="TFSTREAM_TIME_ZONE",
            help="Whose clocks the schedule goes by; a stream's own goes before it.",
        ),
    ] = "UTC",
    jitter: Annotated[
        str,
        typer.Option(
            envvar="TFSTREAM_JITTER",
            help="Spread the streams' refits over so long, each at a time of its own.",
        ),
    ] = "0s",
    history: Annotated[
        str, typer.Option(envvar="TFSTREAM_HISTORY", help="How much of the newest readings to learn from.")
    ] = "14d",
    once: Annotated[bool, typer.Option("--once", help="Refit every stream now, and end.")] = False,
    seed: Seed = 0,
    as_json: Annotated[
        bool, typer.Option("--json", help="With --once: what each refit gave, as JSON.")
    ] = False,
) -> None:
    """Refit every stream on a schedule; what was missed is made up for."""
    plan = RefitPlan(
        schedule=Schedule(
            expression=schedule,
            time_zone=time_zone,
            jitter=timedelta(microseconds=duration_us(jitter)),
        ),
        history=timedelta(microseconds=duration_us(history)),
        options=TrainingOptions(seed=seed, config=context.ensure_object(DetectorConfig)),
        topics=frozenset(topics or ()),
    )
    if as_json and not once:
        raise UsageError("--json goes with --once: a trainer that runs for good says what it does in its log")
    worker = Trainer(open_database(config.load()), plan)
    with until_signalled() as stop:
        if not once:
            worker.run(stop)
            return
        found = worker.refit_all(stop)
    if as_json:
        print_json(found)
    if failed := [topic for topic, result in found.items() if isinstance(result, str)]:
        raise TfstreamError(f"not refitted: {', '.join(failed)}; the log says why")
