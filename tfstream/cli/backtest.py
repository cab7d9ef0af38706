"""``tfstream backtest``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tfstream import config
from tfstream.cli.options.parse import of_option, parse_alarm_budget, parse_moment_us
from tfstream.cli.options.shared import Json, Topic
from tfstream.cli.output.backtest_output import print_backtest
from tfstream.cli.output.printing import print_json, stages
from tfstream.core.spans import Span
from tfstream.errors import UsageError
from tfstream.wiring import find_stream, open_database, stored_span

Since = Annotated[
    str,
    typer.Option(
        "--from", help="Start: 2026-01-05 (UTC), or a duration back from the newest stored reading (28d)."
    ),
]
Until = Annotated[
    str | None, typer.Option("--to", help="End, written like --from; without it, the newest stored reading.")
]
Model = Annotated[int | None, typer.Option(help="Model version to test; without it, the champion.")]
TestedBudget = Annotated[
    str | None,
    typer.Option(
        "--alarm-budget", help="Alarm budget to test: 1/week, 2/month; without it, the stream's budgets."
    ),
]
Labels = Annotated[
    Path | None,
    typer.Option(
        help="CSV file of events with the columns asset, start, end; without it, the confirmed anomalies."
    ),
]


def backtest(
    topic: Topic,
    since: Since,
    until: Until = None,
    model: Model = None,
    alarm_budget: TestedBudget = None,
    labels: Labels = None,
    as_json: Json = False,
) -> None:
    """Show which alarms a model would have raised over stored readings.

    Use it to try an alarm budget or to compare two model versions; it stores nothing.
    """
    from tfstream.app.history import backtest as history  # imports torch: two seconds that most commands save
    from tfstream.app.history.labels_file import read_labels

    database = open_database(config.load())
    stream = find_stream(database, topic)
    _, newest_us = stored_span(database, stream)
    options = history.BacktestOptions(
        span=_span(since, until, newest_us, stream.definition.interval_us),
        version=model,
        budget=None
        if alarm_budget is None
        else of_option("--alarm-budget", parse_alarm_budget, alarm_budget),
        labels=None if labels is None else read_labels(labels),
        labels_from=None if labels is None else str(labels),
    )
    with stages(f"backtest {topic}") as report:
        result = history.backtest(database, stream, options, lambda done: report("readings", done))
    if as_json:
        print_json(result)
    else:
        print_backtest(result)


def _span(since: str, until: str | None, newest_us: int, interval_us: int) -> Span:
    """From ``since`` to ``until``, or without it to the end of the newest reading's row.

    :raises UsageError: when the end is not after the start.
    """
    start_us = of_option("--from", parse_moment_us, since, newest_us)
    row_end_us = (newest_us // interval_us + 1) * interval_us
    end_us = row_end_us if until is None else of_option("--to", parse_moment_us, until, newest_us)
    if start_us >= end_us:
        raise UsageError("--to must be after --from")
    return Span(start_us, end_us)
