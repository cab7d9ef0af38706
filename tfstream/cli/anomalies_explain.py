"""``tfstream anomalies explain``: why there was an alarm, or none."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from tfstream import config
from tfstream.app.history.explanation import Explanation
from tfstream.cli.options.option_groups import with_option_groups
from tfstream.cli.options.parse import of_option, parse_duration_us, parse_local_time_us
from tfstream.cli.options.shared import Json
from tfstream.cli.output.explanation_output import print_explanation
from tfstream.cli.output.printing import Report, print_json, print_status, stages, write_page
from tfstream.errors import UsageError
from tfstream.storage import anomalies
from tfstream.wiring import find_stream, open_database

Anomaly = Annotated[
    str | None,
    typer.Argument(
        help="Id of the anomaly, or the beginning of its id; without it, give --topic, --asset and --at.",
        show_default=False,
    ),
]
MomentTopic = Annotated[
    str | None,
    typer.Option(
        "--topic", "-t", envvar="TFSTREAM_TOPIC", help="Without an id: the sensor topic of the asset."
    ),
]
Asset = Annotated[str | None, typer.Option(help="Without an id: the asset to explain.")]
At = Annotated[
    str | None,
    typer.Option(
        help="Without an id: the time to explain, 2026-01-05T14:05 (UTC) or a duration back from now (2h)."
    ),
]
Replay = Annotated[
    str, typer.Option(help="Longest span of readings before the explained time to compute again.")
]
Plot = Annotated[
    Path | None, typer.Option(help="Write a page with the scores and sensors to this HTML file.")
]


@dataclass(frozen=True, kw_only=True, slots=True)
class ExplainedTarget:
    """An anomaly by its id, or an asset of a topic at a time."""

    anomaly: Anomaly = None
    topic: MomentTopic = None
    asset: Asset = None
    at: At = None

    def moment(self) -> tuple[str, str, int] | None:
        """The topic, the asset and the time in microseconds; None where the target is an anomaly.

        :raises UsageError: unless there is either an id, or a topic, an asset and a time.
        """
        at_us = (
            None
            if self.asset is None or self.at is None
            else of_option("--at", parse_local_time_us, self.at, "UTC")
        )
        if (self.anomaly is None) == (at_us is None) or (self.anomaly and (self.asset or self.at)):
            raise UsageError("give either the id of an anomaly, or --topic, --asset and --at")
        if at_us is None or self.asset is None:
            return None
        if self.topic is None:
            raise UsageError("--asset and --at need --topic")
        return self.topic, self.asset, at_us


@with_option_groups
def explain(
    target: ExplainedTarget, replay: Replay = "14d", plot: Plot = None, as_json: Json = False
) -> None:
    """Explain an alarm, or why there was none, by computing its score again from the stored readings.

    Give the id of an anomaly to explain its peak, or --topic, --asset and --at for any other time.
    """
    moment = target.moment()
    with stages("explain") as report:
        explanation = _explain(
            target.anomaly or "", moment, of_option("--replay", parse_duration_us, replay), plot, report
        )
    if as_json:
        print_json(explanation)
        return
    print_explanation(explanation)
    if plot is not None:
        print_status(f"page written to {plot}")


def _explain(
    anomaly: str, moment: tuple[str, str, int] | None, most_us: int, plot: Path | None, report: Report
) -> Explanation:
    from tfstream.app.history import explain as history
    from tfstream.app.history import explanation_page  # imports torch: two seconds that most commands save

    database = open_database(config.load())
    options = history.ExplainOptions(max_replay_us=most_us, progress=lambda done: report("replay", done))
    if moment is None:
        with database.begin() as connection:
            row = anomalies.get(connection, anomaly)
        explained = history.explain_alarm(database, row, options)
    else:
        topic, asset, at_us = moment
        explained = history.explain_moment(database, find_stream(database, topic), asset, at_us, options)
    if plot is not None:
        write_page(plot, explanation_page.render(explained))
    return explained.explanation
