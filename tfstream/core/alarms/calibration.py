"""The threshold that follows from an alarm budget, which is in false alarms for each asset and week.

Scores are normalised by the asset's own slowly moving level and spread. The excesses of normal data over
their 95 % quantile, merged into clusters that one alarm would cover, follow a generalised Pareto distribution
(Pickands 1975). Its parameters come from probability-weighted moments (Hosking and Wallis 1987); the fewer
clusters there are, the closer they lie to those of an exponential tail. The threshold for a budget of b false
alarms a week is ``u + (sigma/xi) ((clusters/b)^xi - 1)``. The constants come from the study in
``docs/quality.md``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tfstream.core.alarms.baseline import Baseline, Scores, fit_baselines, normalise_run
from tfstream.core.alarms.pareto_tail import cluster_peaks, fit_tail
from tfstream.core.alarms.tail import Tail

_QUANTILE = 0.95
_SEPARATION_ROWS = 64
_SEPARATION_US = 600_000_000  # ten minutes


class ScoredRun(NamedTuple):
    """Scores of an unbroken piece of an asset: the last ``rows [n]`` of its windows, their ``scores [n]``."""

    asset: str
    rows: NDArray[np.int64]
    scores: Scores


class Calibration(Tail, frozen=True, kw_only=True):
    """The distribution of normal scores: the tail of their clusters, and each asset's usual score.

    Clusters lie at least ``separation_rows`` apart.
    """

    pooled: Baseline
    assets: dict[str, Baseline]
    separation_rows: int

    def initial_baseline(self, asset: str) -> Baseline:
        """The baseline of an asset before its first score."""
        return self.assets.get(asset, self.pooled)


def separation_rows(interval_us: int) -> int:
    """The rows between two alarms: a window, or ten minutes in a stream of many rows a minute.

    A fault of minutes must not raise an alarm for each of them.
    """
    return max(_SEPARATION_ROWS, -(-_SEPARATION_US // interval_us))


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
