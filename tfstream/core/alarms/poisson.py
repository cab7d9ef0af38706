"""Bounds for the rate of alarms, given their count."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

_SHARE = 0.95
_STEPS = 60  # of a bisection: beyond the precision of a float


def mean_bounds(count: int, share: float = _SHARE) -> tuple[float, float]:
    """The Poisson means under which ``count`` lies within the central ``share``.

    The exact interval of Garwood (1936), here by bisection: under the lower mean, ``count`` or more alarms
    have the probability of one tail; under the upper mean, ``count`` or fewer have it.
    """
    tail = (1 - share) / 2
    widest = count + 10 * (count + 1) ** 0.5 + 10
    low = 0.0 if count == 0 else _solve(lambda mean: 1 - at_most(count - 1, mean) < tail, widest)
    return low, _solve(lambda mean: at_most(count, mean) > tail, widest)


def _solve(below: Callable[[float], bool], widest: float) -> float:
    """The largest mean at which ``below`` is true; it is true for all smaller means."""
    low, high = 0.0, widest
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if below(middle) else (low, middle)
    return (low + high) / 2


def at_most(count: int, mean: float) -> float:
    """The probability of ``count`` or fewer, given the mean."""
    if mean <= 0:
        return 1.0
    numbers = np.arange(count + 1)
    logs: NDArray[np.float64] = numbers * np.log(mean) - mean - _log_factorials(count)
    return float(np.exp(logs).sum())


def _log_factorials(count: int) -> NDArray[np.float64]:
    """The logarithms of 0! to ``count``!."""
    return np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, count + 1)))])
