"""The episodes of the scored day, each with plots of its highest-ranked sensors."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import NamedTuple

from tfstream.app.html.chart import ChartBand, ChartFrame, ChartLine, draw_chart, format_time, value_range
from tfstream.app.html.elements import badge, legend
from tfstream.app.runtime.human_units import rate_text, share_text, witness_text
from tfstream.demo.fault_outcomes import Comparison
from tfstream.demo.report.asset_bands import asset_bands
from tfstream.demo.report.report_content import DemoReport, ReportEpisode, SensorPlot
from tfstream.demo.report.wording import fault_text

_LABEL_HEIGHTS = (0.08, 0.5, 0.92)  # of the value axis


class EpisodeCause(NamedTuple):
    """What caused an episode, in words."""

    text: str
    is_fault: bool


def episode_section(report: DemoReport) -> str:
    """Return a card per episode as HTML."""
    styles = legend(
        ("line", "actual"), ("expected", "expected"), ("highlight", "injected fault"), ("alarm", "episode")
    )
    cards = "".join(
        _episode_card(report, episode, _cause(report.comparison, episode)) for episode in report.episodes
    )
    return (
        "<h2>Episodes</h2>"
        '<p class="muted">Each episode shows the sensors with the largest share of the evidence: their '
        "readings, and the values that the model expected.</p>"
        f"{styles}{cards}"
    )


def _cause(comparison: Comparison, episode: ReportEpisode) -> EpisodeCause:
    """The fault that the episode finds, or else that it is a false alarm."""
    for outcome in comparison.outcomes:
        if any(detection.episode == episode.episode for detection in outcome.detections):
            return EpisodeCause(fault_text(outcome.fault), is_fault=True)
        if any(alarm.episode == episode.episode for alarm in outcome.other_alarms):
            return EpisodeCause("false alarm: names other sensors", is_fault=False)
    return EpisodeCause("false alarm", is_fault=False)


def _episode_card(report: DemoReport, episode: ReportEpisode, cause: EpisodeCause) -> str:
    end = format_time(episode.ended_us) if episode.ended_us else "still open"
    bands = asset_bands(report, episode.asset)
    plots = "".join(_sensor_plot(plot, bands) for plot in episode.plots)
    return (
        f'<div class="card" id="{escape(episode.episode)}"><div class="head"><h3>{escape(episode.asset)}</h3>'
        f"<span>{format_time(episode.raised_us, date=True)} - {end}</span>"
        f"{badge(cause.text, good=cause.is_fault)}</div>"
        f'<div class="muted">{escape(episode.kind)} episode <code>{escape(episode.episode[:8])}</code>: '
        f"score {episode.score:.3g}, threshold {episode.threshold:.3g}. A normal asset reaches this score "
        f"{rate_text(episode.expected_per_week)}. {escape(_witness_text(episode))}</div>"
        f'<div class="plots">{plots}</div></div>'
    )


def _witness_text(episode: ReportEpisode) -> str:
    """Which witness raised the episode, and what it saw."""
    if episode.witness is None:
        return ""
    seen = "" if episode.reason is None else f": {episode.reason}"
    return f"Witness {witness_text(episode.witness, episode.scale_s)}{seen}."


def _sensor_plot(plot: SensorPlot, bands: Iterable[ChartBand]) -> str:
    low, high = value_range((plot.actual, plot.expected))
    frame = ChartFrame(first_us=int(plot.times_us[0]), last_us=int(plot.times_us[-1]), low=low, high=high)
    chart = draw_chart(
        frame,
        (
            ChartLine(times_us=plot.expected_times_us, values=plot.expected, style="expected"),
            ChartLine(times_us=plot.times_us, values=plot.actual, style="line"),
        ),
        [band for band in bands if band.end_us > frame.first_us and band.start_us < frame.last_us],
        y_labels=_value_labels(low, high),
        size="small",
        label=f"{plot.sensor}, actual and expected",
    )
    share = f'<span class="muted">{escape(share_text(plot.share))} of the evidence</span>'
    change = f'<div class="muted">{escape(plot.change)}</div>'
    return f"<div><h4>{escape(plot.sensor)} {share}</h4>{change}{chart}</div>"


def _value_labels(low: float, high: float) -> list[tuple[float, str]]:
    values = (low + (high - low) * height for height in _LABEL_HEIGHTS)
    return [(value, f"{value:.3g}") for value in values]
