"""Compares a row of numbers, a number for each sensor, with what normal rows of such numbers look like.

With ``P`` the inverse of the covariance of normal rows, ``P x / sqrt(diag P)`` is how far each sensor lies
from what all other sensors say about it, in standard deviations of what they say. ``x P x`` is the squared
distance of all sensors together (Mahalanobis).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tfstream.core.reading import Values
from tfstream.model.numerics.precision import round_to_half
from tfstream.model.witnesses.chunked_product import product, wide

_SHRINKAGE = 0.02
_SHRINKAGE_BY_ROWS = 0.25  # times sensors by rows
_SMALLEST_VARIANCE = 1e-3
USUAL_QUANTILE = 0.99
_LEAST_USUAL = 0.25
_MOST_SENSORS = 5
_AS_LIKELY = 0.75  # of what is usual for a sensor: normal rows change a departure by as much


class SensorDeparture(NamedTuple):
    """A sensor that departs: ``strength`` in what is usual for it, ``excess`` in standard units."""

    sensor: int
    strength: float
    excess: float


@dataclass(frozen=True, kw_only=True)
class RowComparison:
    """``mean [sensors]`` of normal rows; ``weights [sensors, sensors]`` is ``P / sqrt(diag P)`` by column.

    ``root [sensors]`` is ``sqrt(diag P)``; ``usual [sensors]`` is the departure that normal rows exceed in
    one of a hundred.
    """

    mean: Tensor
    weights: Tensor
    root: Tensor
    usual: Tensor

    @cached_property
    def _wide_weights(self) -> Tensor:
        return wide(self.weights)

    @property
    def precision(self) -> NDArray[np.float64]:
        """``P``, the inverse of the covariance."""
        precision = self.weights.double() * self.root.double()
        return ((precision + precision.T) / 2).numpy()

    def departures(self, rows: Values) -> Values:
        """How far each sensor lies from what the others say: ``[n, sensors]``, in standard deviations."""
        return product(rows, self.mean.numpy(), self._wide_weights)[:, : rows.shape[1]]

    def distances(self, rows: Values, departures: Values) -> NDArray[np.float64]:
        """The squared distance of all sensors together, a mean over the sensors: ``[n]``."""
        parts = rows - self.mean.numpy()
        parts *= departures
        parts *= self.root.numpy()
        return np.maximum(parts.mean(axis=1, dtype=np.float64), 0.0)

    def largest(self, departures: Values) -> NDArray[np.float64]:
        """The largest departure of a sensor, in what is usual for it: ``[n]``."""
        return self.relative(departures).max(axis=1).astype(np.float64)

    def relative(self, departures: Values) -> Values:
        """The sizes of departures ``[n, sensors]``, in what is usual for each sensor."""
        sizes: Values = np.abs(departures)
        sizes /= self.usual.numpy()
        return sizes

    def blame(self, row: Values) -> list[SensorDeparture]:
        """The sensors that explain the departures of a row ``[sensors]``, the first to blame first.

        A wrong sensor makes the sensors that it predicts depart, too. Therefore what is wrong with the first
        sensor is taken back before the next one is looked for. But of two sensors that predict each other,
        such as a valve and its flow, nobody else can say which of them is wrong: a sensor that departs nearly
        as much as the first one stays beside it.
        """
        weights, root, usual = self.weights.numpy(), self.root.numpy(), self.usual.numpy()
        # A product of chunks of a fixed shape would take a hundred times as long, and the result of a plain
        # product may depend on the number of cores.
        departures = np.einsum("i,ij->j", row - self.mean.numpy(), weights).astype(np.float64)
        first = departures.copy()
        relative = np.abs(first) / usual
        as_likely = relative >= max(relative.max() - _AS_LIKELY, 1.0)
        blamed: list[SensorDeparture] = []
        while len(blamed) < _MOST_SENSORS:
            shown = np.where(as_likely, first, departures)
            relative = np.abs(shown) / usual
            relative[[each.sensor for each in blamed]] = 0.0
            sensor = int(relative.argmax())
            if relative[sensor] <= 1 and blamed:
                break
            excess = float(shown[sensor] / root[sensor])
            if not blamed or not as_likely[sensor]:
                departures = departures - excess * weights[sensor]
            blamed.append(SensorDeparture(sensor, float(relative[sensor]), excess))
        return blamed


def fit_comparison(rows: NDArray[np.float64], independent_rows: float, *, centred: bool) -> RowComparison:
    """Fit to normal rows ``[n, sensors]``; ``independent_rows`` is what they count as, since means overlap.

    :param centred: whether the mean of the rows is what they are compared with; otherwise 0.
    """
    mean = rows.mean(axis=0) if centred else np.zeros(rows.shape[1])
    deviations = rows - mean
    covariance = deviations.T @ deviations / len(rows)
    variance = np.diag(covariance)
    shrinkage = _SHRINKAGE + _SHRINKAGE_BY_ROWS * len(variance) / max(independent_rows, 1.0)
    precision = np.linalg.inv(covariance + np.diag(shrinkage * (variance + _SMALLEST_VARIANCE)))
    root = np.sqrt(np.diag(precision))
    weights = round_to_half(torch.from_numpy(precision / root).float()).contiguous()
    departures = np.abs(deviations @ weights.numpy().astype(np.float64))
    usual = np.maximum(np.quantile(departures, USUAL_QUANTILE, axis=0), _LEAST_USUAL)
    return RowComparison(mean=_single(mean), weights=weights, root=_single(root), usual=_single(usual))


def _single(values: NDArray[np.float64]) -> Tensor:
    return torch.from_numpy(values.astype(np.float32))
