"""The tail of normal scores: peaks that would be alarms, and their generalised Pareto distribution."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tfstream.core.alarms.baseline import Scores, shrink

_PRIOR_CLUSTERS = 5  # the prior of the mean excess counts as this many clusters
_PRIOR_EXCESS = 1.5  # in spreads: the mean of normal streams
_PRIOR_SHAPE_CLUSTERS = 30  # a shape's sampling variance is 1.3/n: a prior with a deviation of 0.2 around 0
_SHAPE_LIMITS = (-0.5, 0.3)
_SMALLEST = 0.05


def cluster_peaks(rows: NDArray[np.int64], values: Scores, u: float, separation_rows: int) -> list[float]:
    """The values over ``u`` that would be separate alarms, highest first.

    A peak covers all values within ``separation_rows`` of it, because one alarm would cover them.
    """
    peaks: list[float] = []
    free = values > u
    for index in np.argsort(-values, kind="stable")[: int(free.sum())].tolist():
        if free[index]:
            peaks.append(float(values[index]))
            near = rows[index] - separation_rows, rows[index] + separation_rows + 1
            free[slice(*np.searchsorted(rows, near))] = False
    return peaks


def fit_tail(excesses: Scores) -> tuple[float, float]:
    """Fit ``(sigma, xi)`` of a generalised Pareto distribution to the excesses ``[clusters]``.

    Few excesses say little about the tail. The fewer they are, the closer the mean lies to that of normal
    streams, and the shape to that of an exponential tail, ``xi = 0``.
    """
    count = len(excesses)
    if not count:
        return _PRIOR_EXCESS, 0.0
    mean = shrink(float(excesses.mean()), _PRIOR_EXCESS, count, _PRIOR_CLUSTERS)
    xi = shrink(_shape(excesses), 0.0, count, _PRIOR_SHAPE_CLUSTERS)
    return max(mean, _SMALLEST) * (1 - xi), xi


def _shape(excesses: Scores) -> float:
    """``xi`` from the first two probability-weighted moments (Hosking and Wallis 1987)."""
    count = len(excesses)
    rank = (np.arange(1, count + 1) - 0.35) / count
    mean, weighted = float(excesses.mean()), float(((1 - rank) * np.sort(excesses)).mean())
    xi = 2 - mean / max(mean - 2 * weighted, 1e-9)
    return min(max(xi, _SHAPE_LIMITS[0]), _SHAPE_LIMITS[1])
