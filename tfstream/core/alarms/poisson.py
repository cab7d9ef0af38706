"""How much a count of alarms says of their rate."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

_SHARE = 0.95
_STEPS = 60  # of a bisection: more than a float can tell apart


def mean_bounds(count: int, share: float = _SHARE) -> tuple[float, float]:
    """The Poisson means under which ``count`` lies within the central ``share``.

    The exact interval of Garwood (1936), here by bisection: with the lower mean so many or more are as rare
    as each tail may be, with the upper one so many or fewer.
    """
    tail = (1 - share) / 2
    widest = count + 10 * (count + 1) ** 0.5 + 10
    low = 0.0 if count == 0 else _solve(lambda mean: 1 - at_most(count - 1, mean) < tail, widest)
    return low, _solve(lambda mean: at_most(count, mean) > tail, widest)


def _solve(below: Callable[[float], bool], widest: float) -> float:
    """Where a test that is true up to some mean turns false."""
    low, high = 0.0, widest
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if below(middle) else (low, middle)
    return (low + high) / 2


def at_most(count: int, mean: float) -> float:
    """The probability of so many or fewer."""
    if mean <= 0:
        return 1.0
    numbers = np.arange(count + 1)
    logs: NDArray[np.float64] = numbers * np.log(mean) - mean - _log_factorials(count)
    return float(np.exp(logs).sum())


def _log_factorials(count: int) -> NDArray[np.float64]:
    """Of 0 to ``count``."""
    return np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, count + 1)))])
