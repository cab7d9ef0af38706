"""A backtest as tables for people."""

from __future__ import annotations

from statistics import median

from tfstream.app.history.backtest_result import AlarmLine, AssetLine, Backtest
from tfstream.app.runtime.human_units import counted, duration_text, rate_text, witness_label
from tfstream.cli.output.printing import out, print_note, print_status, print_table

_MOST_ALARMS = 50
_WEEK_S = 604_800
_ASSET_COLUMNS = (
    "asset",
    "weeks",
    "alarms",
    "a week",
    "95 %",
    "budget",
    "events",
    "detected",
    "false",
    "hidden",
)
_EVENT_COLUMNS = ("event of", "start", "end", "raised at", "delay", "warning")
_ALARM_COLUMNS = (
    "alarm of",
    "kind",
    "witness",
    "raised at",
    "ended at",
    "how rare",
    "sensors",
    "belongs to",
)


def print_backtest(result: Backtest) -> None:
    """Print totals, assets, events and alarms on stdout, notes on stderr."""
    out.print(
        f"{result.topic} from {result.since} to {result.until} under model version {result.model_version}",
        soft_wrap=True,
    )
    out.print(_total(result.total), soft_wrap=True)
    if result.events_from is not None:
        out.print(_events(result), soft_wrap=True)
    out.print()
    _print_assets(result)
    if result.events:
        out.print()
        _print_events(result)
    if result.alarms:
        out.print()
        _print_alarms(result)
    for note in result.notes:
        print_note(note)


def _total(total: AssetLine) -> str:
    hidden = f", {total.hidden} more hidden by exclusions" if total.hidden else ""
    return (
        f"{counted(total.alarms, 'alarm')} in {duration_text(total.weeks * _WEEK_S)} of scores, all assets "
        f"together{hidden}: "
        f"{total.per_week:.3g} a week and asset (95 %: {total.low:.3g} to {total.high:.3g}), "
        f"for a budget of {total.budget:.3g}"
    )


def _events(result: Backtest) -> str:
    """How many labelled events were detected, and how early."""
    total = result.total
    delays = [event.delay_s for event in result.events if event.delay_s is not None]
    warnings = [event.warning_s for event in result.events if event.warning_s is not None]
    text = (
        f"{total.detected} of {counted(total.events or 0, 'event')} detected ({result.events_from}), "
        f"{counted(total.false_alarms or 0, 'false alarm')}"
    )
    if not delays:
        return text
    delay, warning = (duration_text(median(values)) for values in (delays, warnings))
    return f"{text}; median delay {delay}, median time from the alarm to the event's end {warning}"


def _print_assets(result: Backtest) -> None:
    rows = [
        (
            line.asset,
            line.weeks,
            line.alarms,
            line.per_week,
            f"{line.low:.2g} - {line.high:.2g}",
            line.budget,
            line.events,
            line.detected,
            line.false_alarms,
            line.hidden,
        )
        for line in result.assets
    ]
    print_table(_ASSET_COLUMNS, rows, empty="")


def _print_events(result: Backtest) -> None:
    rows = [
        (
            event.asset,
            event.start,
            event.end,
            event.raised_at or "missed",
            _duration(event.delay_s),
            _duration(event.warning_s),
        )
        for event in result.events
    ]
    print_table(_EVENT_COLUMNS, rows, empty="")


def _print_alarms(result: Backtest) -> None:
    rows = [
        (
            alarm.asset,
            alarm.kind,
            witness_label(alarm.witness),
            alarm.raised_at,
            alarm.ended_at or "open",
            rate_text(alarm.expected_per_week),
            ", ".join(alarm.sensors[:2]),
            _cause(result, alarm),
        )
        for alarm in result.alarms[:_MOST_ALARMS]
    ]
    print_table(_ALARM_COLUMNS, rows, empty="")
    if len(result.alarms) > _MOST_ALARMS:
        print_status(f"{len(result.alarms) - _MOST_ALARMS} more alarms; --json prints all")


def _cause(result: Backtest, alarm: AlarmLine) -> str:
    """The event that an alarm belongs to, or what else it is."""
    if alarm.event is not None:
        return f"event of {alarm.event}"
    if alarm.hidden:
        return "hidden"
    return "-" if result.events_from is None else "false alarm"


def _duration(seconds: float | None) -> str:
    return "-" if seconds is None else duration_text(seconds)
