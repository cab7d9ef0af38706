"""The injected faults and the false alarms, as tables."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from tfstream.app.html.chart import format_time
from tfstream.app.html.elements import badge, table
from tfstream.demo.fault_outcomes import Comparison, DetectedEpisode, FaultOutcome
from tfstream.demo.plant.faults import PlantFault
from tfstream.demo.report.wording import FOUND_RULE, OTHER_SENSORS_TEXT, fault_name, fault_text, minutes_text

_FAULT_COLUMNS = ("Asset", "Fault", "From - to", "Result", "Delay", "Touched sensor")
_ALARM_COLUMNS = ("Asset", "Raised", "Ended", "Top sensors", "Fault at that time", "Episode")
_MOST_SENSORS = 3


def fault_section(outcomes: Sequence[FaultOutcome]) -> str:
    """Return a table with a row per fault as HTML."""
    rows = [_fault_row(outcome) for outcome in outcomes]
    return (
        "<h2>Injected faults</h2>"
        f'<p class="muted">{escape(FOUND_RULE)} The delay runs from the start of the fault to the first '
        "alarm that finds it. The last column shows the rank of a touched sensor in that episode.</p>"
        f'<div class="card">{table(_FAULT_COLUMNS, rows)}</div>'
    )


def false_alarm_section(comparison: Comparison) -> str:
    """Return a table with a row per false alarm as HTML."""
    if not comparison.false_alarms:
        return "<h2>False alarms</h2><p>None.</p>"
    rows = [_alarm_row(alarm, comparison.fault_during(alarm)) for alarm in comparison.false_alarms]
    return (
        "<h2>False alarms</h2>"
        '<p class="muted">An alarm during a fault that names other sensors only counts as false, too: it '
        "sends the operator to the wrong sensor.</p>"
        f'<div class="card">{table(_ALARM_COLUMNS, rows)}</div>'
    )


def _fault_row(outcome: FaultOutcome) -> tuple[str, ...]:
    fault = outcome.fault
    return (
        escape(fault.asset),
        f"{escape(fault_name(fault))}<br><code>{escape(fault.target_sensor)}</code>",
        f"{format_time(fault.start_us, date=True)} - {format_time(fault.end_us)}",
        _result(outcome),
        "-" if outcome.delay_us is None else minutes_text(outcome.delay_us),
        _rank_text(outcome),
    )


def _result(outcome: FaultOutcome) -> str:
    """Whether the fault was found, and the alarms that named other sensors meanwhile."""
    links = (f'<a href="#{escape(alarm.episode)}">{OTHER_SENSORS_TEXT}</a>' for alarm in outcome.other_alarms)
    return "<br>".join((badge("found" if outcome.found else "missed", good=outcome.found), *links))


def _rank_text(outcome: FaultOutcome) -> str:
    if not outcome.found:
        return "-"
    return f'rank {outcome.rank} (<a href="#{escape(outcome.detections[0].episode)}">episode</a>)'


def _alarm_row(alarm: DetectedEpisode, fault: PlantFault | None) -> tuple[str, ...]:
    return (
        escape(alarm.asset),
        format_time(alarm.raised_us, date=True),
        format_time(alarm.ended_us, date=True) if alarm.ended_us else "still open",
        f"<code>{escape(', '.join(alarm.sensors[:_MOST_SENSORS]))}</code>",
        "none" if fault is None else escape(fault_text(fault)),
        f'<a href="#{escape(alarm.episode)}">{escape(alarm.episode[:8])}</a>',
    )
