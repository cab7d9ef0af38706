"""Scores and alarms of a whole series: the same numbers as the stream gives, hop by hop."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from tfstream.app.detection.alarm_collector import AlarmCollector
from tfstream.app.detection.asset_update import AssetEvent, AssetUpdate
from tfstream.app.detection.champion import Champion
from tfstream.app.detection.episode_tracker import EpisodeTracker
from tfstream.app.detection.score_batch import (
    ScoringInput,
    WindowScore,
    alarm_rule,
    score_batch,
    scoreable,
)
from tfstream.core.alarms.raised_alarm import RaisedAlarm
from tfstream.core.reading import Series, Values
from tfstream.core.state import AssetMemory
from tfstream.core.stream import StreamDefinition
from tfstream.core.windowing.asset_track import Window
from tfstream.core.windowing.partition_tracks import WindowReady
from tfstream.core.windowing.window import WindowShape
from tfstream.model.scoring.detector import Detector

_BATCH = 2048  # windows at once; a score does not depend on the other windows of its batch
_LEAD_ROWS = 32_768  # before the first alarm: the witnesses' highest grid knows its levels by then


class HopScores(NamedTuple):
    """``scores [n]`` of hops, each with its last row ``end_index [n]``; hops without a reading have none."""

    end_index: NDArray[np.int64]
    scores: NDArray[np.float64]


def score_series(detector: Detector, asset: str, values: Values) -> HopScores:
    """Score every window of ``values [rows, sensors]``.

    Gaps must be filled as the stream fills them; row 0 is the first row of a hop.
    """
    return hop_scores(score_hops(detector, asset, values))


def hop_scores(scored: Sequence[WindowScore]) -> HopScores:
    """The last row and the score of every window."""
    ends = [window.terms.end_index for window in scored]
    return HopScores(
        np.array(ends, dtype=np.int64), np.array([window.score for window in scored], dtype=np.float64)
    )


def score_hops(detector: Detector, asset: str, values: Values) -> list[WindowScore]:
    """Like :func:`score_series`, with everything that the next window's score depends on."""
    scored: list[WindowScore] = []
    for windows in _batches(detector, values):
        before = scored[-1].terms if scored else None
        scored += score_batch(detector, [ScoringInput(0, asset, window, before) for window in windows])
    return scored


def spread(hops: HopScores, *, hop_rows: int, rows: int) -> NDArray[np.float64]:
    """The score of every row, ``[rows]``: the score of its hop.

    Rows before the first window get the first score. Rows after the last whole hop, and rows of a hop without
    a score, get the last score before them.

    :raises ValueError: when there is no score at all.
    """
    if not len(hops.scores):
        raise ValueError("there is no score to spread")
    row = np.arange(rows)
    latest = (
        np.searchsorted(hops.end_index + 1 - hop_rows, row, side="right") - 1
    )  # the last hop begun by then
    return hops.scores[np.maximum(latest, 0)]


def series_episodes(
    definition: StreamDefinition, detector: Detector, series: Series, *, first_row: int = 0
) -> list[RaisedAlarm]:
    """The alarms that the stream would raise from row ``first_row`` of a series on, all witnesses asked.

    In the alarms, row 0 has the time 0; it is the first row of a hop. Hops that begin before ``first_row``
    only fill what witnesses and instruments keep. An episode that is open at the end of the series ends
    there.
    """
    detector = _with_times_of(series, detector)
    tracker = EpisodeTracker(definition, Champion(detector, 0, ""))
    collector, memory = AlarmCollector(), None
    windows = _windows_from(series.values, detector.shape, first_row - _LEAD_ROWS)
    while some := list(islice(windows, _BATCH)):
        early = [window for window in some if window.end_index + 1 - detector.hop_rows < first_row]
        for update in _updates(tracker, series.asset, early, memory):
            memory = _before_alarms(definition, detector, series.asset, update.memory)
        for update in _updates(tracker, series.asset, some[len(early) :], memory):
            memory = update.memory
            collector(update)
    return collector.alarms


def _with_times_of(series: Series, detector: Detector) -> Detector:
    """The detector for a series whose rows are counted from 0: what is usual depends on their times."""
    if detector.witnesses.season is None or not len(series.times_us):
        return detector
    return replace(detector, witnesses=detector.witnesses.with_origin(int(series.times_us[0])))


def _updates(
    tracker: EpisodeTracker, asset: str, windows: Sequence[Window], memory: AssetMemory | None
) -> list[AssetUpdate]:
    return tracker.process_batch([AssetEvent(0, memory, WindowReady(asset, window)) for window in windows])


def _before_alarms(
    definition: StreamDefinition, detector: Detector, asset: str, memory: AssetMemory | None
) -> AssetMemory | None:
    """The memory of an asset whose alarms begin now: its usual level, and no open episode."""
    if memory is None:
        return None
    baseline = alarm_rule(definition, detector, asset).calibration.initial_baseline(asset)
    return msgspec.structs.replace(
        memory, baseline=baseline, episode=None, instrument_episode=None, silence=None
    )


def _windows_from(values: Values, shape: WindowShape, first_row: int) -> Iterator[Window]:
    """The windows of a series that begin with ``first_row`` or later, by their rows in the series."""
    skipped = max(first_row, 0) // shape.hop * shape.hop
    for window in series_windows(values[skipped:], shape):
        yield window._replace(end_index=window.end_index + skipped)


def _batches(detector: Detector, values: Values) -> Iterator[list[Window]]:
    """The windows with a reading from a live sensor in the newest hop, in order."""
    shape = detector.shape
    hops = series_windows(values, shape._replace(step=shape.hop))
    scored = (window for window in hops if scoreable(window.values, detector))
    while windows := list(islice(scored, _BATCH)):
        yield windows


def series_windows(values: Values, shape: WindowShape) -> Iterator[Window]:
    """The windows of ``values [rows, sensors]`` that end every ``shape.step`` rows, in order, as views.

    They are those of the stream: row 0 is the first row of a hop, and gaps must be filled as the stream
    fills them. A series has no messages, hence its windows have the offset 0.
    """
    rows, step = shape.rows, shape.step
    if len(values) < rows:
        return
    first = -rows % step
    views = sliding_window_view(values, rows, axis=0)[first::step].transpose(0, 2, 1)  # [n, rows, sensors]
    for number, view in enumerate(views):
        yield Window(first + number * step + rows - 1, view, 0, 0)
