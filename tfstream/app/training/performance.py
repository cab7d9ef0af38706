"""How a model performs on held-out normal rows: its alarms, and how clearly faults in the rows stand out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tfstream.app.detection.score_batch import (
    ScoringInput,
    SmoothedTerms,
    WindowScore,
    alarm_rule,
    score_batch,
    scoreable,
)
from tfstream.app.detection.score_series import (
    HopScores,
    hop_scores,
    score_hops,
    series_episodes,
)
from tfstream.core.alarms.baseline import normalise_run
from tfstream.core.alarms.forward_check import ForwardCheck, ScoredRows, check_part
from tfstream.core.faults.gate_faults import TRIAL_ROWS
from tfstream.core.learning.held_out import HeldOutPiece
from tfstream.core.learning.promotion_rule import AlarmCount
from tfstream.core.messages.witness import Witness
from tfstream.core.quality.event_quality import Alarm
from tfstream.core.stream import StreamDefinition
from tfstream.core.windowing.asset_track import Window
from tfstream.model.fitting.gate_trials import Trial, TrialSite, trial_sites
from tfstream.model.fitting.reference_var import ranks
from tfstream.model.scoring.detector import Detector

_TRIALS_PER_BATCH = 64

Array = NDArray[np.float64]


class GatePerformance(NamedTuple):
    """The alarms on the held-out rows as they are, and ``fault_ranks [trials]``.

    The rank of a trial is the share of all normal sites that score lower than the site with its fault; ties
    count half. The mean of the ranks is an AUC. ``score_forward`` is what the score's threshold for one alarm
    gives on the held-out rows; None where none of them has a score.
    """

    alarms: AlarmCount
    fault_ranks: Array
    score_forward: ForwardCheck | None


class _ScoredPiece(NamedTuple):
    """A held-out piece as the model scores it; ``terms`` are the smoothed ones, by the last row of a hop."""

    asset: str
    hops: HopScores
    terms: dict[int, SmoothedTerms]


def measure(
    detector: Detector, definition: StreamDefinition, pieces: Sequence[HeldOutPiece], trials: Sequence[Trial]
) -> GatePerformance:
    """Measure a model on held-out pieces and on trials, which are faults at sites of those pieces.

    A site scores as its highest hop does, in spreads over the usual level of its asset.
    """
    scored = [_score_piece(detector, piece) for piece in pieces]
    sites = trial_sites(pieces, detector.hop_rows)
    normal = [_site_score(detector, scored[site.piece], site) for site in sites]
    faulty = _trial_scores(detector, pieces, scored, trials)
    fault_ranks = ranks(np.array(normal), faulty) if len(faulty) else faulty
    alarms = _count_alarms(detector, definition, pieces, scored)
    return GatePerformance(alarms, fault_ranks, _check_score(detector, definition, pieces, scored))


def _count_alarms(
    detector: Detector,
    definition: StreamDefinition,
    pieces: Sequence[HeldOutPiece],
    scored: Sequence[_ScoredPiece],
) -> AlarmCount:
    """The alarms that the stream would have raised on the held-out rows, from an asset's usual level on."""
    raised: list[Alarm] = []
    witnesses: list[Witness] = []
    rows, allowed = 0, 0.0
    for piece, (asset, hops, _) in zip(pieces, scored, strict=True):
        rule = alarm_rule(definition, detector, asset)
        episodes = series_episodes(definition, detector, piece.series, first_row=piece.first_row)
        raised += [alarm.in_rows(definition.interval_us) for alarm in episodes]
        witnesses += [alarm.opened.witnesses[0] for alarm in episodes]
        piece_rows = rule.hop_rows * int((hops.end_index + 1 - rule.hop_rows >= piece.first_row).sum())
        rows += piece_rows
        allowed += rule.budget_per_week * piece_rows / definition.rows_per_week
    alarmed = sum(alarm.stop - alarm.first for alarm in raised)
    weeks = rows / definition.rows_per_week
    return AlarmCount(len(raised), allowed, alarmed / max(rows, 1), weeks, tuple(witnesses))


def _check_score(
    detector: Detector,
    definition: StreamDefinition,
    pieces: Sequence[HeldOutPiece],
    scored: Sequence[_ScoredPiece],
) -> ForwardCheck | None:
    """What the score's threshold for one alarm in all held-out rows gives there."""
    calibration, runs = detector.calibration, []
    for piece, (asset, hops, _) in zip(pieces, scored, strict=True):
        later = hops.end_index + 1 - detector.hop_rows >= piece.first_row
        values = normalise_run(hops.scores[later], calibration.initial_baseline(asset))
        runs.append(ScoredRows(hops.end_index[later], values))
    count = sum(len(run.values) for run in runs)
    if not count:
        return None
    threshold = calibration.threshold(definition.rows_per_week / (count * detector.hop_rows))
    return check_part(runs, threshold, calibration.separation_rows)


def _score_piece(detector: Detector, piece: HeldOutPiece) -> _ScoredPiece:
    asset, _, values = piece.series
    scores = score_hops(detector, asset, values)
    return _ScoredPiece(asset, hop_scores(scores), {score.terms.end_index: score.terms for score in scores})


def _site_score(detector: Detector, scored: _ScoredPiece, site: TrialSite) -> float:
    """The highest score of a site without a fault; minus infinity if none of its hops has a score."""
    ends = scored.hops.end_index
    hops = slice(*np.searchsorted(ends, (site.start, site.start + TRIAL_ROWS)))
    baseline = detector.calibration.initial_baseline(scored.asset)
    return max((baseline.normalised(score) for score in scored.hops.scores[hops].tolist()), default=-np.inf)


def _trial_scores(
    detector: Detector,
    pieces: Sequence[HeldOutPiece],
    scored: Sequence[_ScoredPiece],
    trials: Sequence[Trial],
) -> Array:
    """The highest score of every trial: ``[trials]``."""
    highest = np.full(len(trials), -np.inf)
    for at in range(0, len(trials), _TRIALS_PER_BATCH):
        batch = [
            hop
            for number, trial in enumerate(trials[at : at + _TRIALS_PER_BATCH], start=at)
            for hop in _trial_hops(
                detector, pieces[trial.site.piece], scored[trial.site.piece], trial, number
            )
        ]
        for hop, score in zip(batch, score_batch(detector, batch), strict=True):
            highest[hop.partition] = max(highest[hop.partition], _normalised(detector, score))
    return highest


def _trial_hops(
    detector: Detector, piece: HeldOutPiece, scored: _ScoredPiece, trial: Trial, number: int
) -> list[ScoringInput]:
    """The hops of a trial, smoothed from the normal hop before it on; a trial is a partition of its own."""
    asset, _, values = piece.series
    size, hop = detector.window_rows, detector.hop_rows
    start = trial.site.start
    rows = np.concatenate([values[start + hop - size : start], trial.shown])
    before = scored.terms.get(start - 1)
    windows = [
        Window(start + end - 1, rows[end - hop : end - hop + size], 0, 0)
        for end in range(hop, TRIAL_ROWS + 1, hop)
    ]
    return [
        ScoringInput(number, asset, window, before)
        for window in windows
        if scoreable(window.values, detector)
    ]


def _normalised(detector: Detector, score: WindowScore) -> float:
    return detector.calibration.initial_baseline(score.asset).normalised(score.score)
