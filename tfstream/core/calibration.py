"""From a score to an alarm: a threshold that keeps a budget of false alarms for each asset and week.

Scores are normalised by the asset's own slowly moving level and spread. The excesses of normal data over
their 95 % quantile, merged into clusters that one alarm would cover, follow a generalised Pareto distribution
(Pickands 1975); its parameters come from probability-weighted moments (Hosking and Wallis 1987), drawn
towards an exponential tail the fewer clusters there are. The threshold for a budget of b false alarms a week
is ``u + (sigma/xi) ((clusters/b)^xi - 1)``. The constants come from the study in ``docs/quality.md``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

_CENTER_RATE = 1 / 256
_SPREAD_RATE = 1 / 1024
_SPREAD_FACTOR = 2.0  # how far the spread may depart from the calibrated one
_QUANTILE = 0.95
_PRIOR_CENTER_SCORES = 1
_PRIOR_SPREAD_SCORES = 16
_PRIOR_CLUSTERS = 5  # for the mean excess: as many clusters as these weigh the prior
_PRIOR_EXCESS = 1.5  # spreads: what normal streams have on the mean
_PRIOR_SHAPE_CLUSTERS = 30  # a shape's sampling variance is 1.3/n: this is a prior of .2 around 0
_SHAPE_LIMITS = (-0.5, 0.3)
_SMALLEST = 0.05
_LARGEST_RATIO = math.exp(40)

Scores = NDArray[np.float64]


class Run(NamedTuple):
    """Scores of an unbroken piece of one asset: the last row of every window ``[n]``, its score ``[n]``."""

    asset: str
    rows: NDArray[np.int64]
    scores: Scores


class Baseline(msgspec.Struct, frozen=True, kw_only=True):
    """An asset's usual score: ``center`` follows its median, ``spread`` its median distance from it.

    Each quiet score moves both by a small step whose size does not depend on how far away the score lies, so
    that no single one can move the level. However long they go on, the spread stays within a factor of two of
    the ``usual`` one: a level that has moved must not make the asset blind, nor an idle one touchy.
    """

    center: float
    spread: float
    usual: float

    def normalised(self, score: float) -> float:
        return (score - self.center) / self.spread

    def updated(self, score: float) -> Baseline:
        """The baseline after one more quiet score."""
        distance = (score - self.center) / self.spread
        step = _CENTER_RATE * self.spread
        widening = 1 + _SPREAD_RATE * (1 if abs(distance) > 1 else -1)
        widest = max(self.spread, _SPREAD_FACTOR * self.usual)  # a wider start may only come down
        return Baseline(
            center=self.center + step * max(-1.0, min(1.0, distance)),
            spread=min(max(self.spread * widening, self.usual / _SPREAD_FACTOR), widest),
            usual=self.usual,
        )


class Judgement(NamedTuple):
    """A normalised score beside its threshold; normal data give ``expected_per_week`` as high as this."""

    value: float
    threshold: float
    exceeds: bool
    expected_per_week: float


class Calibration(msgspec.Struct, frozen=True, kw_only=True):
    """What normal scores look like: the tail ``(u, sigma, xi)`` of their clusters.

    ``weeks`` of data stand behind it; clusters lie at least ``separation_rows`` apart.
    """

    pooled: Baseline
    assets: dict[str, Baseline]
    u: float
    sigma: float
    xi: float
    clusters: int
    clusters_per_week: float
    weeks: float
    separation_rows: int

    def initial_baseline(self, asset: str) -> Baseline:
        """Where an asset's baseline begins."""
        return self.assets.get(asset, self.pooled)

    def threshold(self, budget_per_week: float) -> float:
        """What normal data exceed ``budget_per_week`` times a week; never below ``u``."""
        ratio = min(self.clusters_per_week / budget_per_week, _LARGEST_RATIO)
        if ratio <= 1:
            return self.u
        if abs(self.xi) < 1e-6:
            return self.u + self.sigma * math.log(ratio)
        return self.u + self.sigma / self.xi * math.expm1(self.xi * math.log(ratio))

    def expected_per_week(self, value: float) -> float:
        """The inverse of :meth:`threshold`: how often a week normal data exceed a normalised score."""
        excess = max(value - self.u, 0.0) / self.sigma
        if abs(self.xi) < 1e-6:
            return self.clusters_per_week * math.exp(-excess)
        base = 1 + self.xi * excess
        return 0.0 if base <= 0 else self.clusters_per_week * float(base ** (-1 / self.xi))

    def extrapolated(self, budget_per_week: float) -> bool:
        """Whether fewer than two such alarms were to be expected in all the data behind the calibration."""
        return budget_per_week * self.weeks < 2


def judge(score: float, baseline: Baseline, calibration: Calibration, budget_per_week: float) -> Judgement:
    """One score against the budget."""
    value = baseline.normalised(score)
    threshold = calibration.threshold(budget_per_week)
    return Judgement(value, threshold, value >= threshold, calibration.expected_per_week(value))


def fit_calibration(
    runs: Sequence[Run], *, rows_per_week: float, separation_rows: int, hop_rows: int
) -> Calibration:
    """From the scores of held-out normal data.

    :raises ValueError: when there is no score at all.
    """
    every = np.concatenate([run.scores for run in runs]) if runs else np.empty(0)
    if not len(every):
        raise ValueError("there are no scores to calibrate on")
    pooled, assets = _levels(every, _by_asset(runs))
    followed = [(run.rows, _followed(run.scores, assets.get(run.asset, pooled))) for run in runs]
    u = float(np.quantile(np.concatenate([values for _, values in followed]), _QUANTILE))
    peaks = np.array([peak for run in followed for peak in _cluster_peaks(*run, u, separation_rows)])
    weeks = len(every) * hop_rows / rows_per_week
    sigma, xi = _tail(peaks - u)
    return Calibration(
        pooled=pooled,
        assets=assets,
        u=u,
        sigma=sigma,
        xi=xi,
        clusters=len(peaks),
        clusters_per_week=max(len(peaks), 1) / weeks,
        weeks=weeks,
        separation_rows=separation_rows,
    )


def _levels(every: Scores, by_asset: Mapping[str, Scores]) -> tuple[Baseline, dict[str, Baseline]]:
    """Where an unknown asset begins, and the known ones.

    Assets differ in their level far more than in how much they move about it: an unknown one begins as wide
    as all scores lie, and narrows down to what is usual within an asset.
    """
    center = float(np.median(every))
    within = _spread(np.concatenate([scores - np.median(scores) for scores in by_asset.values()]))
    assets = {asset: _level(scores, center, within) for asset, scores in by_asset.items()}
    return Baseline(center=center, spread=max(_spread(every - center), within), usual=within), assets


def _level(scores: Scores, center: float, within: float) -> Baseline:
    """An asset's own level, drawn towards what all assets have the fewer scores there are."""
    own = float(np.median(scores))
    spread = _drawn(_spread(scores - own), within, len(scores), _PRIOR_SPREAD_SCORES)
    return Baseline(
        center=_drawn(own, center, len(scores), _PRIOR_CENTER_SCORES), spread=spread, usual=spread
    )


def _spread(distances: Scores) -> float:
    return max(float(np.median(np.abs(distances))), _SMALLEST)


def _drawn(own: float, prior: float, count: float, prior_count: float) -> float:
    """A mean of what ``count`` cases say and of a prior that weighs as much as ``prior_count``."""
    return (count * own + prior_count * prior) / (count + prior_count)


def _by_asset(runs: Sequence[Run]) -> dict[str, Scores]:
    """All scores of each asset."""
    assets = sorted({run.asset for run in runs})
    return {asset: np.concatenate([run.scores for run in runs if run.asset == asset]) for asset in assets}


def _followed(scores: Scores, baseline: Baseline) -> Scores:
    """The scores as a running baseline normalises them."""
    values = np.empty(len(scores))
    for i, score in enumerate(scores.tolist()):
        values[i] = baseline.normalised(score)
        baseline = baseline.updated(score)
    return values


def _cluster_peaks(rows: NDArray[np.int64], values: Scores, u: float, separation_rows: int) -> list[float]:
    """The values over ``u`` that would be alarms of their own, highest first.

    Each takes in what lies within the separation of it: one alarm would cover both.
    """
    peaks: list[float] = []
    free = values > u
    for place in np.argsort(-values, kind="stable")[: int(free.sum())].tolist():
        if free[place]:
            peaks.append(float(values[place]))
            near = rows[place] - separation_rows, rows[place] + separation_rows + 1
            free[slice(*np.searchsorted(rows, near))] = False
    return peaks


def _tail(excesses: Scores) -> tuple[float, float]:
    """``(sigma, xi)`` of a generalised Pareto for the excesses ``[clusters]``.

    Few excesses say little of the tail: the fewer, the more is its mean drawn towards what normal streams
    have, and its shape towards the exponential, ``xi = 0``.
    """
    count = len(excesses)
    if not count:
        return _PRIOR_EXCESS, 0.0
    mean = _drawn(float(excesses.mean()), _PRIOR_EXCESS, count, _PRIOR_CLUSTERS)
    xi = _drawn(_shape(excesses), 0.0, count, _PRIOR_SHAPE_CLUSTERS)
    return max(mean, _SMALLEST) * (1 - xi), xi


def _shape(excesses: Scores) -> float:
    """From the first two probability-weighted moments."""
    count = len(excesses)
    rank = (np.arange(1, count + 1) - 0.35) / count
    mean, weighted = float(excesses.mean()), float(((1 - rank) * np.sort(excesses)).mean())
    xi = 2 - mean / max(mean - 2 * weighted, 1e-9)
    return min(max(xi, _SHAPE_LIMITS[0]), _SHAPE_LIMITS[1])
