"""From terms to one score: smoothed, calibrated, weighed."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tfstream.model.detector_config import DetectorConfig
from tfstream.model.scoring.terms import TERMS

_SMALLEST_TERM = 1e-6
_LEAST_SPREAD = 0.05
_LIMIT = 8.0  # of every term but V
_V = TERMS.index("V")

# Where data move away from what was learnt, everything that was learnt from little says so without end. It
# must not drown V, the only one whose size can be trusted there.
_LIMITS = np.array([np.inf if name == "V" else _LIMIT for name in TERMS])

Array = NDArray[np.float64]


class Fusion(NamedTuple):
    """How each log term lies on training windows, and what it counts: ``[9]`` each."""

    median: Array
    spread: Array
    weight: Array

    def scores(self, followed: Array, expected: Array) -> Array:
        """Smoothed terms ``[n, 9]`` and what V is expected to be ``[n]`` to scores ``[n]``."""
        scores: Array = self.parts(followed, expected).sum(
            axis=1
        )  # not @: its sums depend on the batch's size
        return scores

    def explained(self, followed: Array, expected: Array) -> tuple[Array, Array]:
        """The terms as they are compared with what is usual, and what each adds to the scores: ``[n, 9]``."""
        return relative(followed, expected), self.parts(followed, expected)

    def parts(self, followed: Array, expected: Array) -> Array:
        """What each term adds to the scores, ``[n, 9]``."""
        z = (_logs(relative(followed, expected)) - self.median) / self.spread
        witness = np.minimum(np.logaddexp(0.0, z), _LIMITS)
        parts: Array = witness * self.weight
        return parts


def follow(terms: Array, before: Array, config: DetectorConfig) -> Array:
    """Smoothed terms after one more window: an exponential mean, so that it needs no more than the last."""
    return before + config.following * (terms - before)


def calibrated(followed: Array, expected: Array, weight: Array) -> Fusion:
    """Median and P95 - median of the log terms on training windows."""
    median, high = np.quantile(_logs(relative(followed, expected)), (0.5, 0.95), axis=0)
    return Fusion(median, np.maximum(high - median, _LEAST_SPREAD), weight)


def relative(terms: Array, expected: Array) -> Array:
    """Terms ``[n, 9]`` with V in units of what it is expected to be."""
    values = terms.copy()
    values[:, _V] /= expected
    return values


def _logs(terms: Array) -> Array:
    logs: Array = np.log(terms + _SMALLEST_TERM)
    return logs
