"""``tfstream trainer``."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

import typer

from tfstream import config
from tfstream.app.runtime.shutdown import until_signalled
from tfstream.app.training.schedule import Schedule
from tfstream.app.training.train import TrainingResult
from tfstream.app.training.trainer import RefitPlan, Trainer
from tfstream.app.training.training_options import TrainingOptions
from tfstream.cli.options.option_groups import with_option_groups
from tfstream.cli.options.parse import of_option, parse_duration_us
from tfstream.cli.options.shared import Seed
from tfstream.cli.output.printing import print_json
from tfstream.errors import TfstreamError, UsageError
from tfstream.model.detector_config import DetectorConfig
from tfstream.wiring import open_database

Topics = Annotated[
    list[str] | None,
    typer.Option(
        "--topic",
        "-t",
        help="Refit only this stream; may be given several times. Without it, refit all streams.",
    ),
]
CronExpression = Annotated[
    str,
    typer.Option(
        "--schedule",
        envvar="TFSTREAM_SCHEDULE",
        help="When to refit: a cron expression, for streams without a schedule of their own.",
    ),
]
TimeZone = Annotated[
    str,
    typer.Option(
        envvar="TFSTREAM_TIME_ZONE",
        help="Time zone of the schedule: Europe/Berlin, for streams without a time zone of their own.",
    ),
]
Jitter = Annotated[
    str,
    typer.Option(
        envvar="TFSTREAM_JITTER",
        help="Spread the refits of the streams over this time after the scheduled time: 30m.",
    ),
]
History = Annotated[
    str,
    typer.Option(
        envvar="TFSTREAM_HISTORY",
        help="Span of the newest readings to learn from, for streams without a history of their own.",
    ),
]
Once = Annotated[bool, typer.Option("--once", help="Refit every stream now, and end.")]
JsonOnce = Annotated[
    bool, typer.Option("--json", help="With --once: print the outcome of each refit as JSON on stdout.")
]


@dataclass(frozen=True, kw_only=True, slots=True)
class PlanOptions:
    """Which streams to refit, when, and on what."""

    topics: Topics = None
    schedule: CronExpression = "0 2 * * *"
    time_zone: TimeZone = "UTC"
    jitter: Jitter = "0s"
    history: History = "14d"
    seed: Seed = 0

    def plan(self, detector: DetectorConfig) -> RefitPlan:
        """The refits of these options, each of a detector with this configuration.

        :raises UsageError: when a duration cannot be read.
        :raises ConfigurationError: when the schedule or its time zone cannot be read.
        """
        return RefitPlan(
            schedule=Schedule(
                expression=self.schedule,
                time_zone=self.time_zone,
                jitter=timedelta(microseconds=of_option("--jitter", parse_duration_us, self.jitter)),
            ),
            history=timedelta(microseconds=of_option("--history", parse_duration_us, self.history)),
            options=TrainingOptions(seed=self.seed, config=detector),
            topics=frozenset(self.topics or ()),
        )


@with_option_groups
def trainer(
    context: typer.Context, options: PlanOptions, once: Once = False, as_json: JsonOnce = False
) -> None:
    """Refit every stream on a schedule until a signal.

    Run it as a service; after downtime it refits each stream that missed its time once.
    """
    plan = options.plan(context.ensure_object(DetectorConfig))
    if as_json and not once:
        raise UsageError("--json needs --once; without --once the trainer reports in its log")
    worker = Trainer(open_database(config.load()), plan)
    with until_signalled() as stop:
        if not once:
            worker.run(stop)
            return
        outcomes = worker.refit_all(stop)
    if as_json:
        print_json(outcomes)
    _check(outcomes)


def _check(outcomes: dict[str, TrainingResult | str]) -> None:
    """:raises TfstreamError: when a stream was not refitted."""
    failed = [topic for topic, outcome in outcomes.items() if isinstance(outcome, str)]
    if failed:
        raise TfstreamError(f"not refitted: {', '.join(failed)}; the log gives the reasons")
