"""The tail of normal scores: peaks that would be alarms, and their generalised Pareto distribution."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tfstream.core.alarms.baseline import Scores, shrink

_PRIOR_CLUSTERS = 5  # the prior of the mean excess counts as this many clusters
_PRIOR_EXCESS = 1.5  # in spreads: the mean of normal streams
_PRIOR_SHAPE_CLUSTERS = 30  # a shape's sampling variance is 1.3/n: a prior with a deviation of 0.2 around 0
_SHAPE_LIMITS = (-0.5, 0.3)
_SMALLEST = 0.05
_QUANTILE, _BODY_QUANTILE = 0.95, 0.9  # of the values: the tail begins there
_SMALLEST_SHAPE = 1e-6  # nearer to 0, the tail is exponential


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


class TailFit(NamedTuple):
    """A way to fit a tail: it begins at a ``quantile`` of the values, and ``excesses`` fits its peaks."""

    quantile: float
    excesses: Callable[[Scores], tuple[float, float]]


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


def fit_body(excesses: Scores) -> tuple[float, float]:
    """``(sigma, xi)`` from the median and the upper quartile of the excesses ``[clusters]`` (Pickands 1975).

    A few peaks of faults change little, however high they are. A heavy tail, ``xi > 0``, is not believed:
    faults look like one.
    """
    count = len(excesses)
    if not count:
        return _PRIOR_EXCESS, 0.0
    median, quartile = np.quantile(excesses, (0.5, 0.75)).tolist()
    growth = max(quartile / max(median, _SMALLEST) - 1, _SMALLEST)
    xi = shrink(min(max(math.log2(growth), _SHAPE_LIMITS[0]), 0.0), 0.0, count, _PRIOR_SHAPE_CLUSTERS)
    halved = math.log(2) if xi > -_SMALLEST_SHAPE else (2**xi - 1) / xi  # the median of a tail of sigma 1
    return max(shrink(median / halved, _PRIOR_EXCESS, count, _PRIOR_CLUSTERS), _SMALLEST), xi


def _shape(excesses: Scores) -> float:
    """``xi`` from the first two probability-weighted moments (Hosking and Wallis 1987)."""
    count = len(excesses)
    rank = (np.arange(1, count + 1) - 0.35) / count
    mean, weighted = float(excesses.mean()), float(((1 - rank) * np.sort(excesses)).mean())
    xi = 2 - mean / max(mean - 2 * weighted, 1e-9)
    return min(max(xi, _SHAPE_LIMITS[0]), _SHAPE_LIMITS[1])


WHOLE_TAIL = TailFit(_QUANTILE, fit_tail)
"""Of normal values."""
USUAL_TAIL = TailFit(_BODY_QUANTILE, fit_body)
"""Of values with some faults among them: they do not change what is usual."""
