"""Scores and alarms of a whole series: the same numbers as the stream gives, hop by hop."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from tfstream.app.detection.score_batch import (
    ScoringInput,
    SmoothedTerms,
    WindowScore,
    alarm_rule,
    score_batch,
    scoreable,
)
from tfstream.app.detection.window_evidence import WindowExplainer
from tfstream.app.detection.witness_batch import (
    StoredWitnesses,
    WitnessBatch,
    WitnessInput,
    WitnessVerdict,
)
from tfstream.core.alarms.alarm_rule import AlarmRule, AlarmState, Hop
from tfstream.core.alarms.episode import Episode, EpisodeEvent
from tfstream.core.alarms.hop_evidence import HopEvidence, NoEvidence
from tfstream.core.alarms.raised_alarm import RaisedAlarm
from tfstream.core.messages.anomaly_event import EventType
from tfstream.core.quality.event_quality import Alarm
from tfstream.core.reading import Series, Values
from tfstream.core.stream import StreamDefinition
from tfstream.core.windowing.asset_track import Window
from tfstream.core.windowing.window import WindowShape
from tfstream.model.scoring.detector import Detector

_BATCH = 2048  # windows at once; a score does not depend on the other windows of its batch


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


class SeriesEvidence:
    """Evidence about the windows of ``values [rows, sensors]``, by their last row."""

    def __init__(self, definition: StreamDefinition, detector: Detector, asset: str, values: Values) -> None:
        self._explainer = WindowExplainer(definition, detector)
        self._detector, self._asset, self._values = detector, asset, values

    def __call__(self, end_index: int) -> HopEvidence:
        window = self._values[end_index + 1 - self._detector.window_rows : end_index + 1]
        actual = window[-self._detector.hop_rows :].mean(axis=0)
        return self._explainer.evidence(
            WindowScore(0.0, SmoothedTerms(end_index, ()), self._asset, window, actual)
        )


class SeriesWitnesses:
    """The witnesses' verdicts about the rows of a series, and the evidence about its windows.

    They are asked with the series' own times: what is usual depends on the hour.
    """

    def __init__(self, definition: StreamDefinition, detector: Detector, series: Series) -> None:
        self._explainer = WindowExplainer(definition, detector)
        self._asset, times_us, self._values = series
        self._rows, self.step = detector.window_rows, detector.shape.step
        first_index = int(times_us[0]) // definition.interval_us if len(times_us) else 0
        self.verdicts = _verdicts(WitnessBatch(definition, detector), series, detector.shape, first_index)

    def evidence(self, end_index: int) -> HopEvidence:
        """The evidence of the verdict about the window that ends with a row."""
        window = self._values[end_index + 1 - self._rows : end_index + 1]
        return self._explainer.witness_evidence(self._asset, window, self.verdicts[end_index])


def _verdicts(
    batch: WitnessBatch, series: Series, shape: WindowShape, first_index: int
) -> dict[int, WitnessVerdict]:
    """The verdicts about the windows of a series, by their last row; row 0 has index ``first_index``."""
    verdicts: dict[int, WitnessVerdict] = {}
    key = (0, series.asset)
    windows = (
        window._replace(end_index=first_index + window.end_index)
        for window in series_windows(series.values, shape)
    )
    stored: dict[tuple[int, str], StoredWitnesses] = {}
    while some := [WitnessInput(key, window) for window in islice(windows, _BATCH)]:
        asked = batch.ask(some, stored)
        stored = dict(asked.stored)
        verdicts |= {
            some[index].window.end_index - first_index: verdict for index, verdict in asked.verdicts.items()
        }
    return verdicts


def series_episodes(
    definition: StreamDefinition,
    detector: Detector,
    series: Series,
    hops: HopScores,
    *,
    first_row: int = 0,
) -> list[RaisedAlarm]:
    """The alarms that the stream would raise from row ``first_row`` of a series on, all witnesses asked.

    ``hops`` are the series' scores, which most callers need for themselves.
    """
    asset, _, values = series
    return raise_episodes(
        alarm_rule(definition, detector, asset),
        asset,
        hops,
        first_row=first_row,
        evidence=SeriesEvidence(definition, detector, asset, values),
        witnesses=SeriesWitnesses(definition, detector, series),
    )


def raise_alarms(
    rule: AlarmRule,
    asset: str,
    hops: HopScores,
    *,
    first_row: int,
    evidence: Callable[[int], HopEvidence] = lambda end_index: NoEvidence(),
) -> list[Alarm]:
    """Like :func:`raise_episodes` by the scores alone, in rows."""
    raised = raise_episodes(rule, asset, hops, first_row=first_row, evidence=evidence)
    return [alarm.in_rows(rule.interval_us) for alarm in raised]


def raise_episodes(
    rule: AlarmRule,
    asset: str,
    hops: HopScores,
    *,
    first_row: int,
    evidence: Callable[[int], HopEvidence] = lambda end_index: NoEvidence(),
    witnesses: SeriesWitnesses | None = None,
) -> list[RaisedAlarm]:
    """The alarms of an asset from row ``first_row`` on; hops that begin before it are skipped.

    Row 0 has the time 0. ``evidence`` gives the evidence about the hop that ends with a row; without it the
    scores alone decide. Without ``witnesses`` only the score is asked. An episode that is open at the end of
    the series ends there. A pending episode raises no alarm.
    """
    state = AlarmState(rule.calibration.initial_baseline(asset), None)
    alarms: list[RaisedAlarm] = []
    opened: Episode | None = None
    scores = dict(zip(hops.end_index.tolist(), hops.scores.tolist(), strict=True))
    for end_index in sorted(scores.keys() | (witnesses.verdicts.keys() if witnesses else set())):
        if end_index + 1 - rule.hop_rows < first_row:
            continue
        heard = HeardWindow(end_index, scores.get(end_index), evidence, witnesses)
        state, event = heard.update(rule, state)
        if event is not None and event.event is EventType.OPENED:
            opened = event.episode
        if event is not None and event.event is EventType.CLOSED and opened is not None:
            alarms.append(RaisedAlarm(event.episode, opened))
            opened = None
    return (
        alarms if opened is None or state.episode is None else [*alarms, RaisedAlarm(state.episode, opened)]
    )


class HeardWindow(NamedTuple):
    """A window of a series that has a score, a verdict of the witnesses, or both."""

    end_index: int
    score: float | None
    evidence: Callable[[int], HopEvidence]
    witnesses: SeriesWitnesses | None

    def update(self, rule: AlarmRule, state: AlarmState) -> tuple[AlarmState, EpisodeEvent | None]:
        """What the window changes; the louder of score and witnesses is judged."""
        verdict = self.witnesses.verdicts.get(self.end_index) if self.witnesses else None
        if self.score is not None:
            judgement = rule.judge(self.score, state.baseline)
            if verdict is None or judgement.rank <= verdict.judgement.rank:
                hop = self._hop(rule.hop_rows)
                return rule.update(state, self.score, judgement, hop, self.evidence(self.end_index))
        assert verdict is not None
        assert self.witnesses is not None
        hop, evidence = self._hop(self.witnesses.step), self.witnesses.evidence(self.end_index)
        if self.score is not None:
            return rule.update(state, self.score, verdict.judgement, hop, evidence)
        if (self.end_index + 1) % rule.hop_rows == 0:  # a hop without a score is not judged
            return state, None
        return rule.update_between_hops(state, verdict.judgement, hop, evidence)

    def _hop(self, rows: int) -> Hop:
        return Hop(self.end_index, self.end_index, self.end_index, rows)


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
