"""From a score to an alarm: a threshold that keeps a budget of false alarms for each asset and week.

Scores are normalised by the asset's own slowly moving level and spread. The excesses of normal data over
their 98 % quantile, merged into clusters that one alarm would cover, follow a generalised Pareto distribution
(Pickands 1975); its parameters come from probability-weighted moments (Hosking and Wallis 1987). The
threshold for a budget of b false alarms a week is ``u + (sigma/xi) ((clusters/b)^xi - 1)``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

_RATE = 1 / 256
_QUANTILE = 0.98
_FEW_CLUSTERS = 30
_PRIOR_SCORES = 4
_PRIOR_CLUSTERS = 5
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
    that no single one can move the level.
    """

    center: float
    spread: float

    def normalised(self, score: float) -> float:
        return (score - self.center) / self.spread

    def updated(self, score: float) -> Baseline:
        """The baseline after one more quiet score."""
        distance = (score - self.center) / self.spread
        step = _RATE * self.spread
        widening = 1 + _RATE * (1 if abs(distance) > 1 else -1)
        return Baseline(
            center=self.center + step * max(-1.0, min(1.0, distance)),
            spread=max(self.spread * widening, _SMALLEST),
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
    pooled = _level(every)
    assets = {asset: _shrunk(_level(scores), pooled, len(scores)) for asset, scores in _by_asset(runs)}
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


def _level(scores: Scores) -> Baseline:
    center = float(np.median(scores))
    return Baseline(center=center, spread=max(float(np.median(np.abs(scores - center))), _SMALLEST))


def _shrunk(own: Baseline, pooled: Baseline, scores: int) -> Baseline:
    """An asset's own level, drawn towards that of all assets the fewer scores it has."""
    share = scores / (scores + _PRIOR_SCORES)
    return Baseline(
        center=share * own.center + (1 - share) * pooled.center,
        spread=share * own.spread + (1 - share) * pooled.spread,
    )


def _by_asset(runs: Sequence[Run]) -> list[tuple[str, Scores]]:
    """All scores of each asset."""
    assets = sorted({run.asset for run in runs})
    return [(asset, np.concatenate([run.scores for run in runs if run.asset == asset])) for asset in assets]


def _followed(scores: Scores, baseline: Baseline) -> Scores:
    """The scores as a running baseline normalises them."""
    values = np.empty(len(scores))
    for i, score in enumerate(scores.tolist()):
        values[i] = baseline.normalised(score)
        baseline = baseline.updated(score)
    return values


def _cluster_peaks(rows: NDArray[np.int64], values: Scores, u: float, separation_rows: int) -> list[float]:
    """The highest value of each cluster; an excess nearer than the separation joins the last one."""
    peaks: list[float] = []
    last = None
    for row, value in zip(rows.tolist(), values.tolist(), strict=True):
        if value <= u:
            continue
        if last is None or row - last > separation_rows:
            peaks.append(value)
        else:
            peaks[-1] = max(peaks[-1], value)
        last = row
    return peaks


def _tail(excesses: Scores) -> tuple[float, float]:
    """``(sigma, xi)`` of a generalised Pareto.

    Few excesses say little of the tail: it is then exponential, its mean drawn towards one spread.
    """
    if len(excesses) < _FEW_CLUSTERS:
        return float(excesses.sum() + _PRIOR_CLUSTERS) / (len(excesses) + _PRIOR_CLUSTERS), 0.0
    mean = max(float(excesses.mean()), _SMALLEST)
    ordered = np.sort(excesses)
    rank = (np.arange(1, len(ordered) + 1) - 0.35) / len(ordered)
    weighted = float(((1 - rank) * ordered).mean())
    xi = 2 - mean / max(mean - 2 * weighted, 1e-9)
    xi = min(max(xi, _SHAPE_LIMITS[0]), _SHAPE_LIMITS[1])
    return mean * (1 - xi), xi
