"""How far normal scores go: the peaks that would be alarms, and a generalised Pareto distribution of them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tfstream.core.alarms.baseline import Scores, drawn

_PRIOR_CLUSTERS = 5  # for the mean excess: as many clusters as these weigh the prior
_PRIOR_EXCESS = 1.5  # spreads: what normal streams have on the mean
_PRIOR_SHAPE_CLUSTERS = 30  # a shape's sampling variance is 1.3/n: this is a prior of .2 around 0
_SHAPE_LIMITS = (-0.5, 0.3)
_SMALLEST = 0.05


def cluster_peaks(rows: NDArray[np.int64], values: Scores, u: float, separation_rows: int) -> list[float]:
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


def fit_tail(excesses: Scores) -> tuple[float, float]:
    """``(sigma, xi)`` of a generalised Pareto for the excesses ``[clusters]``.

    Few excesses say little of the tail: the fewer, the more is its mean drawn towards what normal streams
    have, and its shape towards the exponential, ``xi = 0``.
    """
    count = len(excesses)
    if not count:
        return _PRIOR_EXCESS, 0.0
    mean = drawn(float(excesses.mean()), _PRIOR_EXCESS, count, _PRIOR_CLUSTERS)
    xi = drawn(_shape(excesses), 0.0, count, _PRIOR_SHAPE_CLUSTERS)
    return max(mean, _SMALLEST) * (1 - xi), xi


def _shape(excesses: Scores) -> float:
    """From the first two probability-weighted moments."""
    count = len(excesses)
    rank = (np.arange(1, count + 1) - 0.35) / count
    mean, weighted = float(excesses.mean()), float(((1 - rank) * np.sort(excesses)).mean())
    xi = 2 - mean / max(mean - 2 * weighted, 1e-9)
    return min(max(xi, _SHAPE_LIMITS[0]), _SHAPE_LIMITS[1])
