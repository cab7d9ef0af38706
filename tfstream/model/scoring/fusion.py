"""From the terms of a window to its score: smooth, calibrate on training windows, weigh, and add up."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tfstream.model.detector_config import DetectorConfig
from tfstream.model.scoring.terms import TERMS

_SMALLEST_TERM = 1e-6
_LEAST_SPREAD = 0.05
_LIMIT = 8.0  # largest part of every term but V, before its weight
_V = TERMS.index("V")

# Where data move away from the training data, terms that were learnt from few rows grow without limit. They
# must not drown V, the only term whose size can be trusted there.
_LIMITS = np.array([np.inf if name == "V" else _LIMIT for name in TERMS])

Array = NDArray[np.float64]


class Fusion(NamedTuple):
    """Median and spread of each log term on training windows, and the weight of each term: ``[9]`` each.

    ``rises [sensors, 9]`` says by how much each log term rises where a sensor is missing.
    """

    median: Array
    spread: Array
    weight: Array
    rises: Array

    def scores(self, smoothed: Array, expected: Array, missing: Array) -> Array:
        """Scores ``[n]`` from smoothed terms ``[n, 9]`` and the expected V ``[n]``.

        :param missing: the part of each sensor's values that is missing, ``[n, sensors]``.
        """
        # not @: the order of its sums depends on the size of the batch
        scores: Array = self.parts(smoothed, expected, missing).sum(axis=1)
        return scores

    def explained(self, smoothed: Array, expected: Array, missing: Array) -> tuple[Array, Array]:
        """The relative terms, and the part of the score that each term adds: ``[n, 9]`` each."""
        return relative(smoothed, expected), self.parts(smoothed, expected, missing)

    def parts(self, smoothed: Array, expected: Array, missing: Array) -> Array:
        """The part of each term in the score, ``[n, 9]``: a limited softplus of its z, times its weight."""
        logs = logs_of(smoothed, expected)
        for row in np.flatnonzero(missing.any(axis=1)).tolist():
            logs[row] -= (missing[row, :, None] * self.rises).sum(axis=0)
        z = (logs - self.median) / self.spread
        limited = np.minimum(np.logaddexp(0.0, z), _LIMITS)
        parts: Array = limited * self.weight
        return parts


def smooth(terms: Array, before: Array, config: DetectorConfig) -> Array:
    """Smooth the terms of a window with the smoothed terms of the hop before: an exponential mean."""
    return before + config.smoothing * (terms - before)


def calibrate(smoothed: Array, expected: Array, weight: Array, sensors: int) -> Fusion:
    """Fit the median, and the spread P95 - median, of the log terms on training windows ``[n, 9]``.

    It does not know yet by how much missing sensors raise the terms.
    """
    median, high = np.quantile(logs_of(smoothed, expected), (0.5, 0.95), axis=0)
    return Fusion(median, np.maximum(high - median, _LEAST_SPREAD), weight, np.zeros((sensors, len(weight))))


def relative(terms: Array, expected: Array) -> Array:
    """The terms ``[n, 9]`` with V divided by its expected value ``[n]``."""
    values = terms.copy()
    values[:, _V] /= expected
    return values


def logs_of(terms: Array, expected: Array) -> Array:
    """The logarithms of the relative terms, ``[n, 9]``."""
    logs: Array = np.log(relative(terms, expected) + _SMALLEST_TERM)
    return logs
