"""From a score to an alarm: a threshold that keeps a budget of false alarms for each asset and week.

Scores are normalised by the asset's own slowly moving level and spread. The excesses of normal data over
their 95 % quantile, merged into clusters that one alarm would cover, follow a generalised Pareto distribution
(Pickands 1975); its parameters come from probability-weighted moments (Hosking and Wallis 1987), drawn
towards an exponential tail the fewer clusters there are. The threshold for a budget of b false alarms a week
is ``u + (sigma/xi) ((clusters/b)^xi - 1)``. The constants come from the study in ``docs/quality.md``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from tfstream.core.alarms.baseline import Baseline, Scores, followed, levels
from tfstream.core.alarms.pareto_tail import cluster_peaks, fit_tail

_QUANTILE = 0.95
_LEAST_EXCESS = 0.01  # spreads
_LARGEST_RATIO = math.exp(40)


class ScoredRun(NamedTuple):
    """Scores of an unbroken piece of one asset: the last row of every window ``[n]``, its score ``[n]``."""

    asset: str
    rows: NDArray[np.int64]
    scores: Scores


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
        """What normal data exceed ``budget_per_week`` times a week; a little more than ``u`` at least.

        An idle machine's scores are all the same: they are ``u``, and must not be alarms.
        """
        ratio = min(self.clusters_per_week / budget_per_week, _LARGEST_RATIO)
        rarity = math.log(max(ratio, 1.0))
        excess = rarity if abs(self.xi) < 1e-6 else math.expm1(self.xi * rarity) / self.xi
        return self.u + max(self.sigma * excess, _LEAST_EXCESS)

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
    runs: Sequence[ScoredRun], *, rows_per_week: float, separation_rows: int, hop_rows: int
) -> Calibration:
    """From the scores of held-out normal data.

    :raises ValueError: when there is no score at all.
    """
    every = np.concatenate([run.scores for run in runs]) if runs else np.empty(0)
    if not len(every):
        raise ValueError("there are no scores to calibrate on")
    pooled, assets = levels(every, _by_asset(runs))
    normalised = [(run.rows, followed(run.scores, assets.get(run.asset, pooled))) for run in runs]
    u = float(np.quantile(np.concatenate([values for _, values in normalised]), _QUANTILE))
    peaks = np.array([peak for run in normalised for peak in cluster_peaks(*run, u, separation_rows)])
    weeks = len(every) * hop_rows / rows_per_week
    sigma, xi = fit_tail(peaks - u)
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


def _by_asset(runs: Sequence[ScoredRun]) -> dict[str, Scores]:
    """All scores of each asset."""
    assets = sorted({run.asset for run in runs})
    return {asset: np.concatenate([run.scores for run in runs if run.asset == asset]) for asset in assets}
