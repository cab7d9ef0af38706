"""The demo's report: one HTML page that needs nothing but a browser."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from statistics import median

import numpy as np

from tfstream.app.html.chart import (
    ChartBand,
    ChartFrame,
    ChartLine,
    ChartTooltip,
    Numbers,
    downsample,
    draw_chart,
    format_time,
    value_range,
)
from tfstream.app.html.page import render_page
from tfstream.core.reading import Times
from tfstream.demo.fault_outcomes import Comparison, FaultOutcome
from tfstream.demo.plant.faults import PlantFault, PlantFaultKind

_CENTURY = 100.0  # years: no calibration knows anything of what is rarer
_MINUTE_US = 60_000_000
_LOWEST_RATIO = 0.1  # of the threshold: the foot of the logarithmic axis
_SAID = {
    PlantFaultKind.STUCK: "stuck at one value",
    PlantFaultKind.DRIFT: "slow drift",
    PlantFaultKind.OFFSET: "sudden offset",
    PlantFaultKind.NOISE: "noise",
    PlantFaultKind.DECOUPLED: "plausible values of another time",
    PlantFaultKind.ATTACK: "valve forced",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Timeline:
    """One asset's scores over the scored span; the three arrays have one entry per hop."""

    asset: str
    times_us: Times
    score: Numbers
    threshold: Numbers


@dataclass(frozen=True, kw_only=True, slots=True)
class SensorPlot:
    """A blamed sensor around an episode, in its own unit; ``expected`` has its own times, NaN for unknown.

    ``changed`` tells in words which band of it changed, and from what to what.
    """

    sensor: str
    share: float
    changed: str
    times_us: Times
    actual: Numbers
    expected_times_us: Times
    expected: Numbers


@dataclass(frozen=True, kw_only=True, slots=True)
class ReportEpisode:
    """An anomaly as the last event of its episode tells it. ``raised_us`` is when the alarm went up."""

    episode: str
    asset: str
    kind: str
    raised_us: int
    ended_us: int | None
    score: float
    threshold: float
    expected_per_week: float
    plots: tuple[SensorPlot, ...]  # the guiltiest first


@dataclass(frozen=True, kw_only=True, slots=True)
class DemoReport:
    """All that the page says. ``facts``: (label, value); ``commands``: (what it shows, text to paste)."""

    title: str
    facts: tuple[tuple[str, str], ...]
    timelines: tuple[Timeline, ...]
    episodes: tuple[ReportEpisode, ...]
    comparison: Comparison
    commands: tuple[tuple[str, str], ...]


def render(report: DemoReport) -> str:
    """The page, self-contained: style and plots inside, no script, no network."""
    body = "".join(
        (
            f"<h1>{escape(report.title)}</h1>",
            _summary(report),
            _timelines(report),
            _faults(report.comparison.verdicts),
            _episodes(report),
            _false_alarms(report),
            _further(report),
        )
    )
    return render_page(report.title, body)


def _summary(report: DemoReport) -> str:
    verdicts = report.comparison.verdicts
    found = [verdict for verdict in verdicts if verdict.found]
    delays = [verdict.delay_us for verdict in found if verdict.delay_us is not None]
    first = sum(verdict.rank == 1 for verdict in found)
    tiles = (
        (f"{len(found)} of {len(verdicts)}", "injected faults found"),
        (_minutes(int(median(delays))) if delays else "-", "median delay to the alarm"),
        (f"{first} of {len(found)}", "episodes that blame a guilty sensor first"),
        (str(len(report.comparison.false_alarms)), f"false alarms in {_asset_days(report)} asset-days"),
    )
    cards = "".join(f'<div class="card"><b>{escape(big)}</b>{escape(small)}</div>' for big, small in tiles)
    return (
        '<p class="muted">A simulated plant with faults whose times are known. The detector learnt from the '
        "days before and was told neither that there are faults nor when. All times are UTC.</p>"
        f'<div class="tiles">{cards}</div>'
    )


def _timelines(report: DemoReport) -> str:
    legend = _legend(
        ("line", "score ÷ threshold"),
        ("limit", "threshold"),
        ("highlight", "injected fault"),
        ("alarm", "episode"),
    )
    charts = "".join(
        f'<div class="card"><h3>{escape(timeline.asset)}</h3>{_timeline(report, timeline)}</div>'
        for timeline in report.timelines
    )
    return (
        "<h2>Scores</h2>"
        '<p class="muted">Each asset against its own threshold, logarithmic: an alarm is above 1.</p>'
        f"{legend}{charts}"
    )


def _timeline(report: DemoReport, timeline: Timeline) -> str:
    ratio = np.maximum(timeline.score / timeline.threshold, _LOWEST_RATIO)
    top = max(float(np.nanmax(ratio, initial=1.0)) * 1.3, 3.0)
    frame = ChartFrame(
        first_us=int(timeline.times_us[0]),
        last_us=int(timeline.times_us[-1]),
        low=float(np.log10(_LOWEST_RATIO)),
        high=float(np.log10(top)),
    )
    times, highest = downsample(timeline.times_us, ratio)
    edges = np.array([frame.first_us, frame.last_us])
    lines = (
        ChartLine(times_us=edges, values=np.zeros(2), style="limit"),
        ChartLine(times_us=times, values=np.log10(highest), style="line"),
    )
    decades = [d for d in (0.1, 1.0, 10.0, 100.0, 1000.0) if d <= top]
    marks = [(float(np.log10(d)), f"{d:g}") for d in decades]
    return draw_chart(
        frame,
        lines,
        _bands(report, timeline.asset),
        y_labels=marks,
        tooltips=_quarters(timeline, ratio),
        size="tall",
        label=f"score over threshold of {timeline.asset}",
    )


def _quarters(timeline: Timeline, ratio: Numbers) -> list[ChartTooltip]:
    """The highest score of each quarter of an hour, for the pointer."""
    quarter = 15 * _MINUTE_US
    slots = timeline.times_us // quarter
    return [
        ChartTooltip(
            start_us=int(slot) * quarter,
            end_us=int(slot + 1) * quarter,
            text=_peak_of(int(slot) * quarter, ratio[slots == slot]),
        )
        for slot in np.unique(slots)
        if np.isfinite(ratio[slots == slot]).any()
    ]


def _peak_of(time_us: int, ratio: Numbers) -> str:
    return f"{format_time(time_us, date=True)}: up to {np.nanmax(ratio):.3g} times the threshold"


def _bands(report: DemoReport, asset: str) -> list[ChartBand]:
    """The truth and the episodes of an asset."""
    truth = [
        ChartBand(start_us=f.start_us, end_us=f.end_us, title=f"fault: {_fault(f)}", style="highlight")
        for f in (verdict.fault for verdict in report.comparison.verdicts)
        if f.asset == asset
    ]
    last = int(max(timeline.times_us[-1] for timeline in report.timelines))
    alarms = [
        ChartBand(
            start_us=e.raised_us,
            end_us=e.ended_us or last,
            title=f"{e.kind} episode {e.episode[:8]}: {_blamed(e.plots)}",
            style="alarm",
        )
        for e in report.episodes
        if e.asset == asset
    ]
    return truth + alarms


def _faults(verdicts: Sequence[FaultOutcome]) -> str:
    rows = [
        (
            escape(verdict.fault.asset),
            f"{escape(_SAID[verdict.fault.kind])}<br><code>{escape(verdict.fault.meddled)}</code>",
            f"{format_time(verdict.fault.start_us, date=True)} - {format_time(verdict.fault.end_us)}",
            _badge(verdict.found, "found", "missed"),
            "-" if verdict.delay_us is None else _minutes(verdict.delay_us),
            _blame(verdict),
        )
        for verdict in verdicts
    ]
    table = _table(("Asset", "Fault", "From - to", "Result", "Delay", "Guilty sensor"), rows)
    return f'<h2>The faults</h2><div class="card">{table}</div>'


def _blame(verdict: FaultOutcome) -> str:
    if not verdict.found:
        return "-"
    link = f'<a href="#{escape(verdict.detections[0].episode)}">episode</a>'
    return f"ranked {verdict.rank} ({link})" if verdict.rank else f"not named ({link})"


def _episodes(report: DemoReport) -> str:
    causes = {
        detection.episode: verdict.fault
        for verdict in report.comparison.verdicts
        for detection in verdict.detections
    }
    legend = _legend(
        ("line", "actual"), ("expected", "expected"), ("highlight", "injected fault"), ("alarm", "episode")
    )
    cards = "".join(_episode(report, episode, causes.get(episode.episode)) for episode in report.episodes)
    return (
        "<h2>The episodes</h2>"
        '<p class="muted">The sensors that were blamed most, and what the detector expected of them.</p>'
        f"{legend}{cards}"
    )


def _episode(report: DemoReport, episode: ReportEpisode, cause: PlantFault | None) -> str:
    until = format_time(episode.ended_us) if episode.ended_us else "still open"
    plots = "".join(_sensor(plot, _bands(report, episode.asset)) for plot in episode.plots)
    return (
        f'<div class="card" id="{escape(episode.episode)}"><div class="head"><h3>{escape(episode.asset)}</h3>'
        f"<span>{format_time(episode.raised_us, date=True)} - {until}</span>"
        f"{_badge(cause is not None, _fault(cause) if cause else '', 'false alarm')}</div>"
        f'<div class="muted">{escape(episode.kind)}, score {episode.score:.3g} against '
        f"{episode.threshold:.3g}; "
        f"such a score is expected {_rate(episode.expected_per_week)} "
        f'(<code>{escape(episode.episode[:8])}</code>)</div><div class="plots">{plots}</div></div>'
    )


def _sensor(plot: SensorPlot, bands: Iterable[ChartBand]) -> str:
    low, high = value_range((plot.actual, plot.expected))
    frame = ChartFrame(first_us=int(plot.times_us[0]), last_us=int(plot.times_us[-1]), low=low, high=high)
    seen = [b for b in bands if b.end_us > frame.first_us and b.start_us < frame.last_us]
    lines = (
        ChartLine(times_us=plot.expected_times_us, values=plot.expected, style="expected"),
        ChartLine(times_us=plot.times_us, values=plot.actual, style="line"),
    )
    middle = (low + high) / 2
    marks = [
        (value, f"{value:.3g}") for value in (low + (high - low) * 0.08, middle, high - (high - low) * 0.08)
    ]
    chart = draw_chart(
        frame, lines, seen, y_labels=marks, size="small", label=f"{plot.sensor}, actual and expected"
    )
    share = f'<span class="muted">{plot.share:.0%} of the blame</span>'
    changed = f'<div class="muted">{escape(plot.changed)}</div>'
    return f"<div><h4>{escape(plot.sensor)} {share}</h4>{changed}{chart}</div>"


def _false_alarms(report: DemoReport) -> str:
    alarms = report.comparison.false_alarms
    if not alarms:
        return "<h2>False alarms</h2><p>None.</p>"
    rows = [
        (
            escape(alarm.asset),
            format_time(alarm.start_us, date=True),
            format_time(alarm.end_us, date=True) if alarm.end_us else "still open",
            f"<code>{escape(', '.join(alarm.sensors[:3]))}</code>",
            f'<a href="#{escape(alarm.episode)}">{escape(alarm.episode[:8])}</a>',
        )
        for alarm in alarms
    ]
    table = _table(("Asset", "Raised", "Ended", "Blamed", "Episode"), rows)
    return f'<h2>False alarms</h2><div class="card">{table}</div>'


def _further(report: DemoReport) -> str:
    facts = "".join(f"<dt>{escape(label)}</dt><dd>{escape(value)}</dd>" for label, value in report.facts)
    commands = "".join(f"<p>{escape(what)}</p><pre>{escape(text)}</pre>" for what, text in report.commands)
    return (
        f'<h2>Look further</h2><div class="card">{commands}</div>'
        f'<h2>This run</h2><div class="card"><dl>{facts}</dl></div>'
    )


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """``rows`` are HTML; on a narrow page each cell carries its column's name."""
    top = "".join(f"<th>{name}</th>" for name in head)
    body = "".join(
        "<tr>"
        + "".join(
            f'<td data-label="{name}"><span>{cell}</span></td>' for name, cell in zip(head, row, strict=True)
        )
        + "</tr>"
        for row in rows
    )
    return f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"


def _legend(*entries: tuple[str, str]) -> str:
    return (
        '<div class="legend">'
        + "".join(f'<span><i class="l-{style}"></i>{escape(text)}</span>' for style, text in entries)
        + "</div>"
    )


def _badge(good: bool, yes: str, no: str) -> str:
    return f'<span class="badge {"good" if good else "bad"}">{escape(yes if good else no)}</span>'


def _fault(fault: PlantFault) -> str:
    return f"{_SAID[fault.kind]}, {fault.meddled}"


def _blamed(plots: Sequence[SensorPlot]) -> str:
    return ", ".join(f"{plot.sensor} {plot.share:.0%}" for plot in plots) or "no sensor"


def _minutes(duration_us: int) -> str:
    return f"{duration_us / _MINUTE_US:.0f} min"


def _rate(per_week: float) -> str:
    if per_week >= 0.1:
        return f"{per_week:.2g} times a week"
    years = 1 / (52 * per_week) if per_week > 0 else _CENTURY
    return f"once in {years:.2g} years" if years < _CENTURY else "less than once in a century"


def _asset_days(report: DemoReport) -> str:
    spans = (int(timeline.times_us[-1] - timeline.times_us[0]) for timeline in report.timelines)
    return f"{sum(spans) / (1440 * _MINUTE_US):.1f}"
