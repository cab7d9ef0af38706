"""The threshold that follows from an alarm budget, which is in false alarms for each asset and week.

Scores are normalised by the asset's own slowly moving level and spread. The excesses of normal data over
their 95 % quantile, merged into clusters that one alarm would cover, follow a generalised Pareto distribution
(Pickands 1975). Its parameters come from probability-weighted moments (Hosking and Wallis 1987); the fewer
clusters there are, the closer they lie to those of an exponential tail. The threshold for a budget of b false
alarms a week is ``u + (sigma/xi) ((clusters/b)^xi - 1)``. The constants come from the study in
``docs/quality.md``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from tfstream.core.alarms.baseline import Baseline, Scores, fit_baselines, normalise_run
from tfstream.core.alarms.pareto_tail import cluster_peaks, fit_tail

_QUANTILE = 0.95
_LEAST_EXCESS = 0.01  # spreads
_LARGEST_RATIO = math.exp(40)


class ScoredRun(NamedTuple):
    """Scores of an unbroken piece of an asset: the last ``rows [n]`` of its windows, their ``scores [n]``."""

    asset: str
    rows: NDArray[np.int64]
    scores: Scores


class Calibration(msgspec.Struct, frozen=True, kw_only=True):
    """The distribution of normal scores: the tail ``(u, sigma, xi)`` of their clusters, in spreads.

    It was fitted to ``weeks`` of data; clusters lie at least ``separation_rows`` apart.
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
        """The baseline of an asset before its first score."""
        return self.assets.get(asset, self.pooled)

    def threshold(self, budget_per_week: float) -> float:
        """The normalised score that normal data exceed ``budget_per_week`` times a week.

        It is always a little larger than ``u``: the scores of an idle machine all equal ``u`` and must not be
        alarms.
        """
        ratio = min(self.clusters_per_week / budget_per_week, _LARGEST_RATIO)
        rarity = math.log(max(ratio, 1.0))
        excess = rarity if abs(self.xi) < 1e-6 else math.expm1(self.xi * rarity) / self.xi
        return self.u + max(self.sigma * excess, _LEAST_EXCESS)

    def expected_per_week(self, value: float) -> float:
        """The inverse of :meth:`threshold`: how often in a week normal data exceed a normalised score."""
        excess = max(value - self.u, 0.0) / self.sigma
        if abs(self.xi) < 1e-6:
            return self.clusters_per_week * math.exp(-excess)
        base = 1 + self.xi * excess
        return 0.0 if base <= 0 else self.clusters_per_week * float(base ** (-1 / self.xi))

    def extrapolated(self, budget_per_week: float) -> bool:
        """Whether the data of the calibration are too few: the budget gives less than two alarms in them."""
        return budget_per_week * self.weeks < 2


def fit_calibration(
    runs: Sequence[ScoredRun], *, rows_per_week: float, separation_rows: int, hop_rows: int
) -> Calibration:
    """Fit baselines and tail to the scores of held-out normal data.

    :raises ValueError: when there is no score at all.
    """
    every = np.concatenate([run.scores for run in runs]) if runs else np.empty(0)
    if not len(every):
        raise ValueError("there are no scores to calibrate on")
    pooled, assets = fit_baselines(every, _by_asset(runs))
    normalised = [(run.rows, normalise_run(run.scores, assets.get(run.asset, pooled))) for run in runs]
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
    """The scores of each asset, its runs one after the other."""
    assets = sorted({run.asset for run in runs})
    return {asset: np.concatenate([run.scores for run in runs if run.asset == asset]) for asset in assets}
