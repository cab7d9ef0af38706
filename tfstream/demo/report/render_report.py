"""The report's page: its sections in order."""

from __future__ import annotations

from html import escape

from tfstream.app.html.page import render_page
from tfstream.demo.report.episode_section import episode_section
from tfstream.demo.report.fault_section import false_alarm_section, fault_section
from tfstream.demo.report.report_content import DemoReport
from tfstream.demo.report.run_section import run_section
from tfstream.demo.report.score_section import score_section
from tfstream.demo.report.summary_section import summary_section


def render_report(report: DemoReport) -> str:
    """Return the HTML page. Style and charts are inside: it needs no script and no network."""
    sections = (
        f"<h1>{escape(report.title)}</h1>",
        summary_section(report),
        score_section(report),
        fault_section(report.comparison.outcomes),
        episode_section(report),
        false_alarm_section(report.comparison),
        run_section(report),
    )
    return render_page(report.title, "".join(sections))
