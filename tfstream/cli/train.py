"""``tfstream train``."""

from __future__ import annotations

from typing import Annotated

import typer

from tfstream import config
from tfstream.app.runtime.human_units import counted
from tfstream.app.training.train import TrainingResult
from tfstream.app.training.train import train as train_stream
from tfstream.app.training.training_options import TrainingOptions
from tfstream.cli.options.parse import of_option, parse_moment_us
from tfstream.cli.options.shared import Json, Seed, Topic
from tfstream.cli.output.gate_output import beyond_gate, print_gate
from tfstream.cli.output.limits_output import print_detection_limits
from tfstream.cli.output.printing import (
    print_instruments,
    print_json,
    print_note,
    print_status,
    stages,
)
from tfstream.cli.output.witness_output import print_witnesses
from tfstream.core.stream import StreamDefinition
from tfstream.model.detector_config import DetectorConfig
from tfstream.wiring import find_stream, open_database, stored_span

_STATES = {"promoted": "is the champion", "candidate": "is a candidate", "rejected": "is rejected"}
_ADVICE = {
    "candidate": "`tfstream models promote {version} --topic {topic}` makes it the champion",
    "rejected": (
        "if there are faults in the readings held out for the gate, exclude them with `tfstream exclusions "
        "add` and train again; `tfstream models promote {version} --topic {topic}` makes this version the "
        "champion nevertheless"
    ),
}
_EXTRAPOLATED = (
    "the threshold is extrapolated: a budget of {budget:g} a week gives fewer than two false alarms in the "
    "readings that calibrated the threshold; the number of false alarms may differ from the budget; train on "
    "a longer span"
)

Since = Annotated[
    str | None,
    typer.Option(
        help="Learn from readings from this time on: 2026-01-05 (UTC), or a duration back from the newest "
        "reading (14d). Without it, from all readings."
    ),
]
Until = Annotated[
    str | None,
    typer.Option(
        help="Learn from readings up to this time, written like --since; without it, to the newest."
    ),
]
Promote = Annotated[
    bool, typer.Option(help="Make the new model the champion; with --no-promote it stays a candidate.")
]
Gate = Annotated[
    bool,
    typer.Option(
        help="Compare the new model with the champion on held-out rows, and reject a worse model; with "
        "--no-gate promote any."
    ),
]


def train(
    context: typer.Context,
    topic: Topic,
    since: Since = None,
    until: Until = None,
    seed: Seed = 0,
    promote: Promote = True,
    gate: Gate = True,
    as_json: Json = False,
) -> None:
    """Refit a stream once on its stored readings, and promote the new model unless the gate rejects it.

    Use it for the first model of a stream, or to choose the training span; `trainer` refits on a schedule.
    """
    database = open_database(config.load())
    stream = find_stream(database, topic)
    _, newest_us = stored_span(database, stream)
    options = TrainingOptions(
        since_us=of_option("--since", parse_moment_us, since, newest_us) if since else None,
        until_us=of_option("--until", parse_moment_us, until, newest_us) if until else None,
        seed=seed,
        promote=promote,
        gate=gate,
        config=context.ensure_object(DetectorConfig),
    )
    with stages(f"train {topic}") as report:
        result = train_stream(database, stream, options, report)
    if as_json:
        print_json(result)
    else:
        _print(result, stream.definition)


def _print(result: TrainingResult, definition: StreamDefinition) -> None:
    print_witnesses(result.metrics, definition.interval_us)
    print_detection_limits(result.metrics)
    print_gate(result.metrics)
    print_status(
        f"model version {result.version} {_STATES[result.outcome]}: "
        f"{counted(result.rows, 'row')} of {counted(result.assets, 'asset')}, "
        f"{result.bundle_bytes / 1e6:.1f} MB"
    )
    if reason := beyond_gate(result.reason, result.metrics):
        print_note(reason)
    if advice := _ADVICE.get(result.outcome):
        print_note(advice.format(version=result.version, topic=definition.topic))
    if result.left_out:
        causes = ", ".join(f"{cause} {share:.1%}" for cause, share in result.left_out.items())
        print_status(f"left out: {causes}")
    print_instruments(result.metrics)
    for note in result.notes:
        print_note(note)
    if result.extrapolated:
        print_note(_EXTRAPOLATED.format(budget=definition.alarm_budget_per_week))
