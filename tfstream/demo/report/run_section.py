"""The facts of this run, and the commands to explore its services."""

from __future__ import annotations

from html import escape

from tfstream.demo.report.report_content import DemoReport


def run_section(report: DemoReport) -> str:
    """Return commands and facts as HTML."""
    commands = "".join(
        f"<p>{escape(purpose)}</p><pre>{escape(command)}</pre>" for purpose, command in report.commands
    )
    facts = "".join(f"<dt>{escape(label)}</dt><dd>{escape(value)}</dd>" for label, value in report.facts)
    return (
        "<h2>Commands to explore the results</h2>"
        '<p class="muted">They work while the services run: start the demo with <code>--keep</code>.</p>'
        f'<div class="card">{commands}</div>'
        f'<h2>This run</h2><div class="card"><dl>{facts}</dl></div>'
    )
