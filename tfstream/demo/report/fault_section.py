"""The injected faults and the false alarms, as tables."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from tfstream.app.html.chart import format_time
from tfstream.app.html.elements import badge, table
from tfstream.demo.fault_outcomes import DetectedEpisode, FaultOutcome
from tfstream.demo.report.wording import fault_name, minutes_text

_FAULT_COLUMNS = ("Asset", "Fault", "From - to", "Result", "Delay", "Affected sensor")
_ALARM_COLUMNS = ("Asset", "Raised", "Ended", "Top sensors", "Episode")
_MOST_SENSORS = 3


def fault_section(outcomes: Sequence[FaultOutcome]) -> str:
    """Return a table with a row per fault as HTML."""
    rows = [_fault_row(outcome) for outcome in outcomes]
    return (
        "<h2>Injected faults</h2>"
        '<p class="muted">The delay runs from the start of the fault to the first alarm. The last column '
        "shows the rank of an affected sensor in the episode of that alarm.</p>"
        f'<div class="card">{table(_FAULT_COLUMNS, rows)}</div>'
    )


def false_alarm_section(alarms: Sequence[DetectedEpisode]) -> str:
    """Return a table with a row per false alarm as HTML."""
    if not alarms:
        return "<h2>False alarms</h2><p>None.</p>"
    rows = [_alarm_row(alarm) for alarm in alarms]
    return f'<h2>False alarms</h2><div class="card">{table(_ALARM_COLUMNS, rows)}</div>'


def _fault_row(outcome: FaultOutcome) -> tuple[str, ...]:
    fault = outcome.fault
    return (
        escape(fault.asset),
        f"{escape(fault_name(fault))}<br><code>{escape(fault.target_sensor)}</code>",
        f"{format_time(fault.start_us, date=True)} - {format_time(fault.end_us)}",
        badge("found" if outcome.found else "missed", good=outcome.found),
        "-" if outcome.delay_us is None else minutes_text(outcome.delay_us),
        _rank_text(outcome),
    )


def _rank_text(outcome: FaultOutcome) -> str:
    if not outcome.found:
        return "-"
    link = f'<a href="#{escape(outcome.detections[0].episode)}">episode</a>'
    return f"rank {outcome.rank} ({link})" if outcome.rank else f"not ranked ({link})"


def _alarm_row(alarm: DetectedEpisode) -> tuple[str, ...]:
    return (
        escape(alarm.asset),
        format_time(alarm.start_us, date=True),
        format_time(alarm.end_us, date=True) if alarm.end_us else "still open",
        f"<code>{escape(', '.join(alarm.sensors[:_MOST_SENSORS]))}</code>",
        f'<a href="#{escape(alarm.episode)}">{escape(alarm.episode[:8])}</a>',
    )
