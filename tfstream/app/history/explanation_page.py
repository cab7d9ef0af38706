"""An explanation as a page: scores against the threshold, sensors beside what was expected of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

import numpy as np

from tfstream.app.history.explain import ExplainedAlarm
from tfstream.app.history.explanation import Explanation
from tfstream.app.history.score_history import between
from tfstream.app.html.chart import ChartBand, ChartFrame, ChartLine, draw_chart, value_range
from tfstream.app.html.elements import legend
from tfstream.app.html.page import render_page
from tfstream.app.scoring.episode_tracker import ScoredWindow
from tfstream.core.messages.anomaly_event import from_iso
from tfstream.core.spans import Span, merge_spans

_PLOTS = 3
_SCORE_LEGEND = legend(
    ("line", "score"), ("limit", "threshold"), ("highlight", "this hop"), ("alarm", "alarm")
)
_SENSOR_LEGEND = legend(("line", "actual"), ("expected", "expected"))


def render(found: ExplainedAlarm) -> str:
    """The page, self-contained: style and plots inside, no script, no network."""
    told = found.explanation
    title = f"{told.asset}, {told.until}"
    findings = "".join(f"<p>{escape(finding)}</p>" for finding in told.findings)
    body = (
        f"<h1>{escape(title)}</h1>"
        f'<p class="muted">{escape(told.topic)}, model version {told.replay.model_version}, '
        f"{_score(told)}; all times are UTC</p>{findings}"
        f'<div class="card"><h3>Score</h3>{_SCORE_LEGEND}{_timeline(found)}</div>'
        f'<div class="card"><h3>Sensors</h3>{_SENSOR_LEGEND}<div class="plots">'
        f"{''.join(_sensors(found))}</div></div>"
    )
    return render_page(title, body)


def _score(told: Explanation) -> str:
    if told.score is None or told.threshold is None:
        return "no score"
    return f"score {told.score:.4g} against a threshold of {told.threshold:.4g}"


def _bands(found: ExplainedAlarm) -> list[ChartBand]:
    told = found.explanation
    asked = ChartBand(
        start_us=from_iso(told.since), end_us=from_iso(told.until), title="this hop", style="highlight"
    )
    hop_us = asked.end_us - asked.start_us
    spans = merge_spans(
        Span(end_us - hop_us, end_us)
        for end_us, judged in found.trail.around.items()
        if judged.after.episode is not None and not judged.after.episode.pending
    )
    return [asked, *(ChartBand(start_us=one, end_us=end, title="alarm", style="alarm") for one, end in spans)]


def _timeline(found: ExplainedAlarm) -> str:
    points = between(found.trail.scores, found.trail.focus)
    if not points:
        return '<p class="muted">no score around this moment</p>'
    times = np.array([point.time_us for point in points], dtype=np.int64)
    scores = np.array([point.score for point in points])
    thresholds = np.array([point.threshold for point in points])
    low, high = value_range((scores, thresholds))
    frame = ChartFrame(first_us=int(times[0]), last_us=int(times[-1]), low=low, high=high)
    lines = (
        ChartLine(times_us=times, values=thresholds, style="limit"),
        ChartLine(times_us=times, values=scores, style="line"),
    )
    marks = [(value, f"{value:.3g}") for value in (float(thresholds[0]), float(scores.max()))]
    label = f"scores of {found.explanation.asset}"
    return draw_chart(frame, lines, _bands(found), y_labels=marks, size="tall", label=label)


def _sensors(found: ExplainedAlarm) -> Iterator[str]:
    """The guiltiest, actual and expected."""
    around = [judged for _, judged in sorted(found.trail.around.items()) if judged.scored is not None]
    if not around:
        return
    detector, asset = found.champion.detector, found.explanation.asset
    windows = np.stack([judged.window.values for judged in around])
    expected = detector.measure(windows, [asset] * len(around)).expected
    for one in found.explanation.sensors[:_PLOTS]:
        place = found.stream.definition.sensors.index(one.name)
        yield f"<div><h4>{escape(one.name)}</h4>{_plot(found, around, place, expected[:, place])}</div>"


def _plot(found: ExplainedAlarm, around: Sequence[ScoredWindow], place: int, expected: np.ndarray) -> str:
    interval_us, hop = found.trail.interval_us, found.champion.detector.hop_rows
    ends = np.array([judged.window.end_index for judged in around], dtype=np.int64)
    rows = (ends[:, None] + np.arange(1 - hop, 1)).ravel()
    actual = np.concatenate([judged.window.values[-hop:, place] for judged in around])
    low, high = value_range((actual, expected))
    frame = ChartFrame(
        first_us=int(rows[0]) * interval_us, last_us=int(rows[-1] + 1) * interval_us, low=low, high=high
    )
    lines = (
        ChartLine(
            times_us=(ends + 1) * interval_us - hop * interval_us // 2, values=expected, style="expected"
        ),
        ChartLine(times_us=rows * interval_us, values=actual, style="line"),
    )
    middle = (low + high) / 2
    return draw_chart(
        frame,
        lines,
        _bands(found),
        y_labels=[(middle, f"{middle:.3g}")],
        size="small",
        label="actual and expected",
    )
