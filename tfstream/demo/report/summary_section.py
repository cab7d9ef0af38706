"""The report's introduction and its four main numbers."""

from __future__ import annotations

from html import escape

from tfstream.demo.report.report_content import DemoReport
from tfstream.demo.report.wording import minutes_text

_MINUTE_US = 60_000_000


def summary_section(report: DemoReport) -> str:
    """Return the introduction and the numbers as HTML."""
    tiles = "".join(
        f'<div class="card"><b>{escape(number)}</b>{escape(meaning)}</div>'
        for number, meaning in _numbers(report)
    )
    return (
        '<p class="muted">The demo simulated waterworks and injected faults at known times. The detector '
        "learned from the days before the faults. It did not know which faults would come, or when. "
        "All times are UTC.</p>"
        f'<div class="tiles">{tiles}</div>'
    )


def _numbers(report: DemoReport) -> tuple[tuple[str, str], ...]:
    outcomes, alarms = report.comparison.outcomes, report.comparison.false_alarms
    found, delay_us = report.comparison.found, report.comparison.median_delay_us
    false_alarms = "false alarm" if len(alarms) == 1 else "false alarms"
    return (
        (f"{found} of {len(outcomes)}", "injected faults found"),
        ("-" if delay_us is None else minutes_text(delay_us), "median delay from fault to alarm"),
        (f"{report.comparison.ranked_first} of {found}", "found faults with a touched sensor ranked first"),
        (str(len(alarms)), f"{false_alarms} in {_asset_days(report)} asset-days"),
    )


def _asset_days(report: DemoReport) -> str:
    spans_us = (int(timeline.times_us[-1] - timeline.times_us[0]) for timeline in report.timelines)
    return f"{sum(spans_us) / (1440 * _MINUTE_US):.1f}"
