"""The injected faults and the episodes of an asset, as bands of a chart."""

from __future__ import annotations

from collections.abc import Sequence

from tfstream.app.html.chart import ChartBand
from tfstream.app.runtime.human_units import share_text
from tfstream.demo.report.report_content import DemoReport, ReportEpisode, SensorPlot
from tfstream.demo.report.wording import fault_text


def asset_bands(report: DemoReport, asset: str) -> list[ChartBand]:
    """Return the bands of an asset. An open episode extends to the end of the scored day."""
    faults = (outcome.fault for outcome in report.comparison.outcomes)
    day_end_us = int(max(timeline.times_us[-1] for timeline in report.timelines))
    highlights = [
        ChartBand(
            start_us=fault.start_us,
            end_us=fault.end_us,
            title=f"fault: {fault_text(fault)}",
            style="highlight",
        )
        for fault in faults
        if fault.asset == asset
    ]
    alarms = [_alarm_band(episode, day_end_us) for episode in report.episodes if episode.asset == asset]
    return highlights + alarms


def _alarm_band(episode: ReportEpisode, day_end_us: int) -> ChartBand:
    return ChartBand(
        start_us=episode.raised_us,
        end_us=episode.ended_us or day_end_us,
        title=f"{episode.kind} episode {episode.episode[:8]}: {_shares_text(episode.plots)}",
        style="alarm",
    )


def _shares_text(plots: Sequence[SensorPlot]) -> str:
    return ", ".join(f"{plot.sensor} {share_text(plot.share)}" for plot in plots) or "no sensor"
