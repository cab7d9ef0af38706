"""A whole series through the detector and the alarm rule at once, hop by hop, as the stream would take it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from tfstream.app.scoring.event_builder import EventBuilder
from tfstream.app.scoring.score_batch import (
    Champion,
    ScoringInput,
    SmoothedTerms,
    WindowScore,
    score_batch,
    scoreable,
)
from tfstream.core.alarms.alarm_rule import AlarmRule, AlarmState, Hop
from tfstream.core.alarms.episode import Episode
from tfstream.core.alarms.hop_evidence import HopEvidence, NoEvidence
from tfstream.core.messages.anomaly_event import EventType
from tfstream.core.quality.event_quality import Alarm
from tfstream.core.reading import Values
from tfstream.core.stream import StreamDefinition
from tfstream.core.windowing.asset_track import Window
from tfstream.model.scoring.detector import Detector

_BATCH = 2048  # windows at once; what they are scored with changes no bit of a score


class HopScores(NamedTuple):
    """``scores [n]`` of the hops that end with the rows ``end_index [n]``; hops without a reading lack."""

    end_index: NDArray[np.int64]
    scores: NDArray[np.float64]


def score_series(detector: Detector, asset: str, values: Values) -> HopScores:
    """Every window of ``values [rows, sensors]``, filled as the stream fills gaps; row 0 begins a hop."""
    return hop_scores(scored_hops(detector, asset, values))


def hop_scores(scored: Sequence[WindowScore]) -> HopScores:
    """Where each score belongs, and the score."""
    ends = [one.terms.end_index for one in scored]
    return HopScores(
        np.array(ends, dtype=np.int64), np.array([one.score for one in scored], dtype=np.float64)
    )


def scored_hops(detector: Detector, asset: str, values: Values) -> list[WindowScore]:
    """The same with all that the next hop's score depends on."""
    found: list[WindowScore] = []
    for windows in _batches(detector, values):
        before = found[-1].terms if found else None
        found += score_batch(detector, [ScoringInput(0, asset, window, before) for window in windows])
    return found


def spread(hops: HopScores, *, hop_rows: int, rows: int) -> NDArray[np.float64]:
    """A score for every row, ``[rows]``: that of its hop.

    The rows before the first window get the first score; those after the last whole hop, or in a hop that has
    no score, the last one before them.

    :raises ValueError: when there is no score at all.
    """
    if not len(hops.scores):
        raise ValueError("there is no score to spread")
    row = np.arange(rows)
    begun = (
        np.searchsorted(hops.end_index + 1 - hop_rows, row, side="right") - 1
    )  # the last hop begun by then
    return hops.scores[np.maximum(begun, 0)]


class SeriesEvidence:
    """What the stream would ask of windows of ``values [rows, sensors]``, by the row that they end with."""

    def __init__(self, definition: StreamDefinition, detector: Detector, asset: str, values: Values) -> None:
        self._teller = EventBuilder(definition, Champion(detector, 0, ""))
        self._detector, self._asset, self._values = detector, asset, values

    def __call__(self, end_index: int) -> HopEvidence:
        window = self._values[end_index + 1 - self._detector.window_rows : end_index + 1]
        actual = window[-self._detector.hop_rows :].mean(axis=0)
        return self._teller.testimony(
            WindowScore(0.0, SmoothedTerms(end_index, ()), self._asset, window, actual)
        )


def raise_alarms(
    rule: AlarmRule,
    asset: str,
    hops: HopScores,
    *,
    first_row: int,
    witness: Callable[[int], HopEvidence] = lambda end_index: NoEvidence(),
) -> list[Alarm]:
    """The episodes of an asset that is watched from row ``first_row`` on; scores before it go unseen.

    ``witness`` gives the testimony of the hop that ends with a row; without one the scores must do.

    An episode that is still open at the end of the series ends there; a pending one was never told.
    """
    standing = AlarmState(rule.calibration.initial_baseline(asset), None)
    alarms: list[Alarm] = []
    opened_us = 0
    for end_index, score in zip(hops.end_index.tolist(), hops.scores.tolist(), strict=True):
        if end_index + 1 - rule.hop_rows < first_row:
            continue
        judgement = rule.judge(score, standing.baseline)
        hop = Hop(end_index, end_index, end_index)
        standing, told = rule.update(standing, score, judgement, hop, witness(end_index))
        if told is not None and told.event is EventType.OPENED:
            opened_us = told.episode.last_us
        if told is not None and told.event is EventType.CLOSED:
            alarms.append(_alarm(told.episode, rule, opened_us))
    last = standing.episode
    return alarms if last is None or last.pending else [*alarms, _alarm(last, rule, opened_us)]


def _batches(detector: Detector, values: Values) -> Iterator[list[Window]]:
    """The windows that a live sensor says something in, in order."""
    rows, hop = detector.window_rows, detector.hop_rows
    if len(values) < rows:
        return
    first = -rows % hop
    views = sliding_window_view(values, rows, axis=0)[first::hop].transpose(0, 2, 1)  # [n, rows, sensors]
    for at in range(0, len(views), _BATCH):
        found = [
            Window(first + number * hop + rows - 1, view, 0, 0)
            for number, view in enumerate(views[at : at + _BATCH], start=at)
            if scoreable(view, detector)
        ]
        if found:
            yield found


def _alarm(episode: Episode, rule: AlarmRule, opened_us: int) -> Alarm:
    """An episode that was told at ``opened_us``, in rows."""
    return Alarm(*(time // rule.interval_us for time in (episode.started_us, opened_us, episode.last_us)))
