"""Statistics ``|A x|`` of lagged rows ``x``, as CVA and dynamic PCA have them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from tests.studies.quality.alarms.peers.statistics import Array

_BATCH = 4096  # rows at once


def lagged(rows: Array, lags: int) -> Array:
    """``[rows - lags + 1, lags * sensors]``: each row after the rows before it, the oldest first."""
    if len(rows) < lags:
        return np.empty((0, lags * rows.shape[1]))
    views = sliding_window_view(rows, lags, axis=0)  # [rows - lags + 1, sensors, lags]
    return views.transpose(0, 2, 1).reshape(len(views), -1)


@dataclass(frozen=True, kw_only=True)
class LaggedForms:
    """``factors`` by the statistic's name, each ``[k, lags * sensors]``.

    A statistic is the root of the mean of its squares over ``mean_rows`` rows.
    """

    factors: Mapping[str, Array]
    lags: int
    mean_rows: int = 1

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.factors)

    def measure(self, rows: Array) -> Array:
        """``[rows, statistics]``; NaN for the first rows, which have too few rows before them."""
        values = np.full((len(rows), len(self.factors)), np.nan)
        first = self.lags - 1
        for begin in range(0, max(len(rows) - first, 0), _BATCH):
            x = lagged(rows[begin : begin + _BATCH + first], self.lags)
            for number, factor in enumerate(self.factors.values()):
                values[begin + first : begin + first + len(x), number] = ((x @ factor.T) ** 2).sum(axis=1)
        return np.sqrt(_running_mean(values, self.mean_rows))

    def blame(self, rows: Array, at: int, statistic: int) -> Array:
        """``x * (A'A x)`` added up over lags and mean rows (Zhu and Braatz, IEEE Control Systems, 2014)."""
        factor = list(self.factors.values())[statistic]
        start = max(at + 1 - self.mean_rows - (self.lags - 1), 0)
        x = lagged(rows[start : at + 1], self.lags)
        added: Array = (x * ((x @ factor.T) @ factor)).sum(axis=0)
        by_sensor: Array = added.reshape(self.lags, -1).sum(axis=0)
        return by_sensor


def _running_mean(values: Array, rows: int) -> Array:
    """The mean of each row and the rows before it; NaN where one of them is NaN."""
    if rows == 1 or len(values) < rows:
        return values if rows == 1 else np.full_like(values, np.nan)
    means = np.full_like(values, np.nan)
    means[rows - 1 :] = sliding_window_view(values, rows, axis=0).mean(axis=-1)
    return means


def root_inverse(covariance: Array, floor: float) -> Array:
    """The inverse root of a covariance; eigenvalues below ``floor`` of their mean are raised to it."""
    values, vectors = np.linalg.eigh(covariance)
    raised = np.maximum(values, max(floor * float(values.mean()), 1e-12))
    inverse: Array = (vectors / np.sqrt(raised)) @ vectors.T
    return inverse
