"""``tfstream backtest``."""

from __future__ import annotations

from pathlib import Path
from statistics import median
from typing import Annotated

import typer

from tfstream import config
from tfstream.app.history.backtest_result import AssetLine, Backtest
from tfstream.app.runtime.human_units import duration_text
from tfstream.cli.budgets import per_week
from tfstream.cli.options import Json, Topic
from tfstream.cli.output import moment_us, out, print_json, print_table, say, stages, tell
from tfstream.core.spans import Span
from tfstream.errors import UsageError
from tfstream.wiring import find_stream, open_database, stored_span

_MOST_ALARMS = 50
_WEEK_S = 604_800


def backtest(
    topic: Topic,
    since: Annotated[
        str,
        typer.Option("--from", help="From here on: a time, or a span back from the newest reading (28d)."),
    ],
    until: Annotated[str | None, typer.Option("--to", help="Up to here; as --from.")] = None,
    model: Annotated[int | None, typer.Option(help="This version, not the champion.")] = None,
    alarm_budget: Annotated[
        str | None, typer.Option(help="Under this alarm budget: 1/week, 2/month …")
    ] = None,
    labels: Annotated[
        Path | None, typer.Option(help="A CSV file of events: asset, start, end; else confirmed anomalies.")
    ] = None,
    as_json: Json = False,
) -> None:
    """What a model would have raised over stored history: alarms a week, events found and missed, delays."""
    from tfstream.app.history.backtest import (
        BacktestOptions,  # torch takes two seconds: most commands do without
    )
    from tfstream.app.history.backtest import backtest as run
    from tfstream.app.history.labels_file import read_labels

    database = open_database(config.load())
    stream = find_stream(database, topic)
    _, newest_us = stored_span(database, stream)
    options = BacktestOptions(
        span=_span(since, until, newest_us, stream.definition.interval_us),
        version=model,
        budget=None if alarm_budget is None else per_week(alarm_budget),
        labels=None if labels is None else read_labels(labels),
        labels_from=None if labels is None else str(labels),
    )
    with stages(f"backtest {topic}") as report:
        found = run(database, stream, options, lambda done: report("readings", done))
    if as_json:
        print_json(found)
        return
    _print(found)


def _span(since: str, until: str | None, newest_us: int, interval_us: int) -> Span:
    """Up to the end of the newest reading's row, unless it is said up to when."""
    start_us = moment_us(since, newest_us)
    end_us = (newest_us // interval_us + 1) * interval_us if until is None else moment_us(until, newest_us)
    if start_us >= end_us:
        raise UsageError("--to must be after --from")
    return Span(start_us, end_us)


def _print(found: Backtest) -> None:
    out.print(
        f"{found.topic} from {found.since} to {found.until} under model version {found.model_version}",
        soft_wrap=True,
    )
    total = found.total
    out.print(f"{_summary(total)}", soft_wrap=True)
    if found.events_from is not None:
        out.print(_events(found), soft_wrap=True)
    out.print()
    _print_assets(found)
    if found.events:
        out.print()
        _print_events(found)
    if found.alarms:
        out.print()
        _print_alarms(found)
    for note in found.notes:
        tell("note:", "yellow", note)


def _summary(total: AssetLine) -> str:
    hidden = f", {total.hidden} more hidden by exclusions" if total.hidden else ""
    return (
        f"{total.alarms} alarms in {_spoken(total.weeks * _WEEK_S)} of scores, all assets together{hidden}: "
        f"{total.per_week:.3g} a week and asset (95 %: {total.low:.3g} to {total.high:.3g}), "
        f"{total.budget:.3g} asked for"
    )


def _events(found: Backtest) -> str:
    """What came of the labelled events."""
    total = found.total
    delays = [one.delay_s for one in found.events if one.delay_s is not None]
    warnings = [one.warning_s for one in found.events if one.warning_s is not None]
    words = (
        f"{total.detected} of {total.events} events detected ({found.events_from}), "
        f"{total.false_alarms} false alarms"
    )
    if not delays:
        return words
    delay, warning = (duration_text(median(values)) for values in (delays, warnings))
    return f"{words}; median delay {delay}, and {warning} from the alarm to the event's end"


def _print_assets(found: Backtest) -> None:
    columns = ("asset", "weeks", "alarms", "a week", "95 %", "asked", "events", "detected", "false", "hidden")
    rows = [
        (
            one.asset,
            one.weeks,
            one.alarms,
            one.per_week,
            f"{one.low:.2g} - {one.high:.2g}",
            one.budget,
            one.events,
            one.detected,
            one.false_alarms,
            one.hidden,
        )
        for one in found.assets
    ]
    print_table(columns, rows, empty="")


def _print_events(found: Backtest) -> None:
    rows = [
        (
            one.asset,
            one.start,
            one.end,
            "missed" if one.raised_at is None else one.raised_at,
            _spoken(one.delay_s),
            _spoken(one.warning_s),
        )
        for one in found.events
    ]
    print_table(("event of", "start", "end", "raised at", "delay", "warning"), rows, empty="")


def _spoken(seconds: float | None) -> str:
    return "-" if seconds is None else duration_text(seconds)


def _print_alarms(found: Backtest) -> None:
    rows = [
        (
            one.asset,
            one.kind,
            one.raised_at,
            one.ended_at or "open",
            one.score,
            one.threshold,
            ", ".join(one.sensors[:2]),
            _what(found, hidden=one.hidden, event=one.event),
        )
        for one in found.alarms[:_MOST_ALARMS]
    ]
    columns = ("alarm of", "kind", "raised at", "ended at", "score", "threshold", "sensors", "what")
    print_table(columns, rows, empty="")
    if len(found.alarms) > _MOST_ALARMS:
        say(f"{len(found.alarms) - _MOST_ALARMS} more alarms; --json has them all")


def _what(found: Backtest, *, hidden: bool, event: str | None) -> str:
    if event is not None:
        return f"event of {event}"
    if hidden:
        return "hidden"
    return "-" if found.events_from is None else "false alarm"
