"""The scores of every asset over the scored day, as charts."""

from __future__ import annotations

from html import escape

import numpy as np

from tfstream.app.html.chart import (
    ChartFrame,
    ChartLine,
    ChartTooltip,
    Numbers,
    downsample,
    draw_chart,
    format_time,
)
from tfstream.app.html.elements import legend
from tfstream.demo.report.asset_bands import asset_bands
from tfstream.demo.report.report_content import DemoReport, Timeline

_QUARTER_HOUR_US = 15 * 60_000_000
_LOWEST_RATIO = 0.1  # of score to threshold: the lower end of the logarithmic axis
_DECADES = (0.1, 1.0, 10.0, 100.0, 1000.0)


def score_section(report: DemoReport) -> str:
    """Return one chart per asset as HTML."""
    styles = legend(
        ("line", "score ÷ threshold"),
        ("limit", "threshold"),
        ("highlight", "injected fault"),
        ("alarm", "episode"),
    )
    charts = "".join(
        f'<div class="card"><h3>{escape(timeline.asset)}</h3>{_draw_timeline(report, timeline)}</div>'
        for timeline in report.timelines
    )
    return (
        "<h2>Scores</h2>"
        '<p class="muted">Each chart shows the score of an asset divided by its threshold, on a logarithmic '
        "axis. An alarm needs a value above 1.</p>"
        f"{styles}{charts}"
    )


def _draw_timeline(report: DemoReport, timeline: Timeline) -> str:
    ratio = np.maximum(timeline.score / timeline.threshold, _LOWEST_RATIO)
    highest = max(float(np.nanmax(ratio, initial=1.0)) * 1.3, 3.0)
    frame = ChartFrame(
        first_us=int(timeline.times_us[0]),
        last_us=int(timeline.times_us[-1]),
        low=float(np.log10(_LOWEST_RATIO)),
        high=float(np.log10(highest)),
    )
    times_us, peaks = downsample(timeline.times_us, ratio)
    ends_us = np.array([frame.first_us, frame.last_us])
    return draw_chart(
        frame,
        (
            ChartLine(times_us=ends_us, values=np.zeros(2), style="limit"),
            ChartLine(times_us=times_us, values=np.log10(peaks), style="line"),
        ),
        asset_bands(report, timeline.asset),
        y_labels=[(float(np.log10(decade)), f"{decade:g}") for decade in _DECADES if decade <= highest],
        tooltips=_tooltips(timeline, ratio),
        size="tall",
        label=f"score divided by threshold of {timeline.asset}",
    )


def _tooltips(timeline: Timeline, ratio: Numbers) -> list[ChartTooltip]:
    """The highest score of each quarter of an hour."""
    quarters = timeline.times_us // _QUARTER_HOUR_US
    return [
        _tooltip(int(quarter) * _QUARTER_HOUR_US, ratio[quarters == quarter])
        for quarter in np.unique(quarters)
        if np.isfinite(ratio[quarters == quarter]).any()
    ]


def _tooltip(start_us: int, ratio: Numbers) -> ChartTooltip:
    return ChartTooltip(
        start_us=start_us,
        end_us=start_us + _QUARTER_HOUR_US,
        text=f"{format_time(start_us, date=True)}: up to {np.nanmax(ratio):.3g} times the threshold",
    )
