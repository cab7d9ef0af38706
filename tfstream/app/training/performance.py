"""How a model does on held-out normal rows: its alarms there, and how strange it finds faults in them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tfstream.app.scoring.score_batch import (
    ScoringInput,
    SmoothedTerms,
    WindowScore,
    alarm_rule,
    score_batch,
    scoreable,
)
from tfstream.app.scoring.score_series import HopScores, SeriesEvidence, hop_scores, raise_alarms, score_hops
from tfstream.core.faults.gate_faults import TRIAL_ROWS
from tfstream.core.learning.held_out import Recent
from tfstream.core.learning.promotion_rule import AlarmCount
from tfstream.core.quality.event_quality import Alarm
from tfstream.core.stream import StreamDefinition
from tfstream.core.windowing.asset_track import Window
from tfstream.model.fitting.gate_trials import Trial, TrialSite, trial_sites
from tfstream.model.fitting.reference_var import ranks
from tfstream.model.scoring.detector import Detector

_AT_ONCE = 64  # trials

Array = NDArray[np.float64]


class GatePerformance(NamedTuple):
    """``alarms`` of the held-out rows as they are; ``found [trials]``: see :func:`perform`."""

    alarms: AlarmCount
    found: Array


class _Watched(NamedTuple):
    """A piece as the model scored it: the score and the smoothed terms by the last row of each hop."""

    asset: str
    hops: HopScores
    terms: dict[int, SmoothedTerms]


def measure(
    detector: Detector, definition: StreamDefinition, recent: Sequence[Recent], trials: Sequence[Trial]
) -> GatePerformance:
    """``found [trials]`` is the share of all normal places that score lower than the one with the fault.

    A place scores what the highest of its hops does, in spreads over its asset's usual level.
    """
    watched = [_watch(detector, one) for one in recent]
    normal = [
        _highest(detector, watched[place.piece], place) for place in trial_sites(recent, detector.hop_rows)
    ]
    faulty = _faulty(detector, recent, watched, trials)
    found = ranks(np.array(normal), faulty) if len(faulty) else faulty
    return GatePerformance(_alarms(detector, definition, recent, watched), found)


def _alarms(
    detector: Detector, definition: StreamDefinition, recent: Sequence[Recent], watched: Sequence[_Watched]
) -> AlarmCount:
    """What the stream would have told of the held-out rows, from an asset's usual level on."""
    raised: list[Alarm] = []
    rows, allowed = 0, 0.0
    for piece, one in zip(recent, watched, strict=True):
        rule = alarm_rule(definition, detector, one.asset)
        evidence = SeriesEvidence(definition, detector, one.asset, piece.series.values)
        raised += raise_alarms(rule, one.asset, one.hops, first_row=piece.first_row, evidence=evidence)
        judged = rule.hop_rows * int((one.hops.end_index + 1 - rule.hop_rows >= piece.first_row).sum())
        rows += judged
        allowed += rule.budget_per_week * judged / definition.rows_per_week
    alarmed = sum(alarm.stop - alarm.first for alarm in raised)
    return AlarmCount(len(raised), allowed, alarmed / max(rows, 1), rows / definition.rows_per_week)


def _watch(detector: Detector, piece: Recent) -> _Watched:
    asset, _, values = piece.series
    scored = score_hops(detector, asset, values)
    return _Watched(asset, hop_scores(scored), {one.terms.end_index: one.terms for one in scored})


def _highest(detector: Detector, watched: _Watched, place: TrialSite) -> float:
    """Of the scores of a place as it is; minus infinity where it has none."""
    ends = watched.hops.end_index
    hops = slice(*np.searchsorted(ends, (place.start, place.start + TRIAL_ROWS)))
    baseline = detector.calibration.initial_baseline(watched.asset)
    return max((baseline.normalised(score) for score in watched.hops.scores[hops].tolist()), default=-np.inf)


def _faulty(
    detector: Detector, recent: Sequence[Recent], watched: Sequence[_Watched], trials: Sequence[Trial]
) -> Array:
    """The highest score of every trial: ``[trials]``."""
    highest = np.full(len(trials), -np.inf)
    for at in range(0, len(trials), _AT_ONCE):
        some = trials[at : at + _AT_ONCE]
        batch = [
            candidate
            for number, trial in enumerate(some, start=at)
            for candidate in _candidates(detector, recent[trial.place.piece], watched, trial, number)
        ]
        for candidate, scored in zip(batch, score_batch(detector, batch), strict=True):
            number = candidate.partition
            highest[number] = max(highest[number], _normalised(detector, scored))
    return highest


def _candidates(
    detector: Detector, piece: Recent, watched: Sequence[_Watched], trial: Trial, number: int
) -> list[ScoringInput]:
    """The hops of a fault, after the undisturbed one before it; a trial is a partition of its own."""
    asset, _, values = piece.series
    size, hop = detector.window_rows, detector.hop_rows
    start = trial.place.start
    first = start + hop - size
    rows = np.concatenate([values[first:start], trial.shown])
    before = watched[trial.place.piece].terms.get(start - 1)
    windows = [
        Window(start + end - 1, rows[end - hop : end - hop + size], 0, 0)
        for end in range(hop, TRIAL_ROWS + 1, hop)
    ]
    return [
        ScoringInput(number, asset, window, before)
        for window in windows
        if scoreable(window.values, detector)
    ]


def _normalised(detector: Detector, scored: WindowScore) -> float:
    return detector.calibration.initial_baseline(scored.asset).normalised(scored.score)
