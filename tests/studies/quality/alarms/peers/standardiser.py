"""Sensors by the mean of their asset and the deviation of all assets, as the papers of the peers do it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tests.studies.quality.alarms.peers.statistics import Array
from tfstream.core.reading import Series
from tfstream.errors import BadData

_FLAT = 1e-6  # a deviation below this share of the largest value is rounding
_LARGEST = 1e6  # deviations: squares of them are still exact enough


@dataclass(frozen=True, kw_only=True)
class Standardiser:
    """``means [sensors]`` by asset, ``pooled`` of all assets; ``scale [sensors]``, 0 for flat sensors.

    A sensor that never moved in training has no deviation to measure by: it stays 0.
    """

    means: Mapping[str, Array]
    pooled: Array
    scale: Array

    @classmethod
    def of(cls, series: Sequence[Series]) -> Standardiser:
        """:raises BadData: when there are no rows."""
        if not sum(len(piece.values) for piece in series):
            raise BadData("there are no rows to learn from")
        by_asset = {asset: _rows(series, asset) for asset in dict.fromkeys(piece.asset for piece in series)}
        means = {asset: _mean(rows) for asset, rows in by_asset.items()}
        within = np.concatenate([rows - means[asset] for asset, rows in by_asset.items()])
        deviation = np.sqrt(_mean(within**2))
        largest = np.abs(np.nan_to_num(np.concatenate(list(by_asset.values())))).max(axis=0)
        moving = deviation > np.maximum(_FLAT * largest, 1e-12)
        scale = np.divide(1.0, deviation, out=np.zeros_like(deviation), where=moving)
        return cls(means=means, pooled=_mean(np.concatenate(list(by_asset.values()))), scale=scale)

    def rows(self, series: Series) -> Array:
        """``[rows, sensors]`` in deviations; 0 where a reading is missing."""
        values = (series.values.astype(np.float64) - self.means.get(series.asset, self.pooled)) * self.scale
        return np.clip(np.nan_to_num(values, nan=0.0), -_LARGEST, _LARGEST)


def _rows(series: Sequence[Series], asset: str) -> Array:
    return np.concatenate([piece.values for piece in series if piece.asset == asset]).astype(np.float64)


def _mean(rows: Array) -> Array:
    """The mean of the readings that are there; 0 without any."""
    known = np.isfinite(rows)
    sums = np.where(known, rows, 0.0).sum(axis=0)
    means: Array = sums / np.maximum(known.sum(axis=0), 1)
    return means
