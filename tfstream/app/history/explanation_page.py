"""An explanation as an HTML page: scores with their threshold, and sensors with their expected values."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

import numpy as np

from tfstream.app.detection.asset_update import ScoredWindow
from tfstream.app.history.explain import ExplainedAlarm
from tfstream.app.history.explanation import Explanation
from tfstream.app.history.rescore_and_compare import points_within
from tfstream.app.html.chart import ChartBand, ChartFrame, ChartLine, draw_chart, value_range
from tfstream.app.html.elements import legend
from tfstream.app.html.page import render_page
from tfstream.core.messages.anomaly_event import from_iso
from tfstream.core.messages.witness import Witness
from tfstream.core.spans import Span, merge_spans

_PLOTTED_SENSORS = 3
_SCORE_LEGEND = legend(
    ("line", "score"), ("limit", "threshold"), ("highlight", "this hop"), ("alarm", "alarm")
)
_SENSOR_LEGEND = legend(("line", "actual"), ("expected", "expected"))


def render(explained: ExplainedAlarm) -> str:
    """The page as text, self-contained: styles and plots are inside, without scripts and network access."""
    explanation = explained.explanation
    title = f"{explanation.asset}, {explanation.until}"
    findings = "".join(f"<p>{escape(finding)}</p>" for finding in explanation.findings)
    body = (
        f"<h1>{escape(title)}</h1>"
        f'<p class="muted">{escape(explanation.topic)}, model version {explanation.replay.model_version}, '
        f"{_score(explanation)}; all times are UTC</p>{findings}"
        f'<div class="card"><h3>Score</h3>{_SCORE_LEGEND}{_score_chart(explained)}</div>'
        f'<div class="card"><h3>Sensors</h3>{_SENSOR_LEGEND}<div class="plots">'
        f"{''.join(_sensor_charts(explained))}</div></div>"
    )
    return render_page(title, body)


def _score(explanation: Explanation) -> str:
    if explanation.score is None or explanation.threshold is None:
        return "no score"
    return f"score {explanation.score:.4g} against a threshold of {explanation.threshold:.4g}"


def _bands(explained: ExplainedAlarm) -> list[ChartBand]:
    """The hop, and the alarms around it."""
    hop = Span(from_iso(explained.explanation.since), from_iso(explained.explanation.until))
    hop_us = explained.champion.detector.hop_rows * explained.history.interval_us
    alarms = merge_spans(
        Span(end_us - hop_us, end_us)
        for end_us, scored in explained.history.hops.items()
        if scored.after.episode is not None and not scored.after.episode.pending
    )
    return [
        ChartBand(start_us=hop.start_us, end_us=hop.end_us, title="this hop", style="highlight"),
        *(ChartBand(start_us=start, end_us=end, title="alarm", style="alarm") for start, end in alarms),
    ]


def _score_chart(explained: ExplainedAlarm) -> str:
    points = points_within(explained.history.scores, explained.history.focus)
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
    labels = [(value, f"{value:.3g}") for value in (float(thresholds[0]), float(scores.max()))]
    label = f"scores of {explained.explanation.asset}"
    return draw_chart(frame, lines, _bands(explained), y_labels=labels, size="tall", label=label)


def _sensor_charts(explained: ExplainedAlarm) -> Iterator[str]:
    """The sensors with the largest shares, actual and expected values."""
    hops = [hop for _, hop in sorted(explained.history.hops.items()) if hop.scored is not None]
    if not hops:
        return
    detector, asset = explained.champion.detector, explained.explanation.asset
    windows = np.stack([hop.scored.window for hop in hops if hop.scored is not None])
    expected = detector.measure(windows, [asset] * len(hops)).expected
    for sensor in explained.explanation.sensors[:_PLOTTED_SENSORS]:
        column = explained.stream.definition.sensors.index(sensor.name)
        own = _by_witness(hops, sensor.name, expected[:, column])
        chart = _sensor_chart(explained, hops, column, own)
        yield f"<div><h4>{escape(sensor.name)}</h4>{chart}</div>"


def _by_witness(hops: Sequence[ScoredWindow], name: str, expected: np.ndarray) -> np.ndarray:
    """A sensor's expected values ``[hops]``: those of another witness where its value is rarer."""
    expected = expected.copy()
    for place, hop in enumerate(hops):
        if hop.judgement is None or hop.judgement.witness is Witness.SCORE:
            continue
        for sensor in hop.evidence.sensors():
            if sensor.name == name and sensor.expected is not None:
                expected[place] = sensor.expected
    return expected


def _sensor_chart(
    explained: ExplainedAlarm, hops: Sequence[ScoredWindow], column: int, expected: np.ndarray
) -> str:
    """``expected [hops]``: a sensor's expected value in each hop."""
    interval_us, hop_rows = explained.history.interval_us, explained.champion.detector.hop_rows
    ends = np.array([hop.window.end_index for hop in hops], dtype=np.int64)
    rows = (ends[:, None] + np.arange(1 - hop_rows, 1)).ravel()
    actual = np.concatenate([hop.window.values[-hop_rows:, column] for hop in hops])
    middles_us = (ends + 1) * interval_us - hop_rows * interval_us // 2
    low, high = value_range((actual, expected))
    frame = ChartFrame(
        first_us=int(rows[0]) * interval_us, last_us=int(rows[-1] + 1) * interval_us, low=low, high=high
    )
    lines = (
        ChartLine(times_us=middles_us, values=expected, style="expected"),
        ChartLine(times_us=rows * interval_us, values=actual, style="line"),
    )
    middle = (low + high) / 2
    labels = [(middle, f"{middle:.3g}")]
    return draw_chart(
        frame, lines, _bands(explained), y_labels=labels, size="small", label="actual and expected"
    )
