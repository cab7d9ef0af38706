"""Between the sensors' own units and standard units, for the rows of many assets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tfstream.core.reading import Values
from tfstream.core.scaler import Scaler
from tfstream.model.witnesses.grid_model import LIMIT


class RowScale(NamedTuple):
    """Location, in two parts whose sum is exact, and scale of rows: ``[n, sensors]`` or ``[1, sensors]``.

    ``live [sensors]`` is true for sensors that had values in training, None where all have.
    """

    high: Values
    low: Values
    scale: Values
    live: NDArray[np.bool_] | None

    def standard(self, values: Values) -> Values:
        """Values in standard units, limited like the scaler's."""
        scaled: Values = values - self.high
        scaled -= self.low
        scaled /= self.scale
        return np.clip(scaled, -LIMIT, LIMIT, out=scaled)

    def own_units(self, standard: Values) -> Values:
        """The inverse of :meth:`standard`."""
        values: Values = standard * self.scale
        values += self.low
        values += self.high
        return values

    def at(self, rows: int | NDArray[np.int64]) -> RowScale:
        """The scale of some of the rows."""
        if len(self.high) == 1:
            return self
        chosen = np.atleast_1d(rows)
        return RowScale(self.high[chosen], self.low[chosen], self.scale[chosen], self.live)

    def limited(self, values: Values) -> Values:
        """Values in the sensors' units, limited, NaN where missing; a sensor without training keeps its mean.

        Only limited values are kept and converted again: the same value always has the same standard units.
        """
        with np.errstate(invalid="ignore", over="ignore"):
            if not np.isfinite(values.sum()):
                values = np.where(np.isfinite(values), values, np.float32(np.nan))
            limited = self.own_units(self.standard(values))
        return limited if self.live is None else np.where(self.live, limited, self.high)


class AssetScales:
    """The scales of the assets of a batch, and their ``names``."""

    def __init__(self, scaler: Scaler, assets: Sequence[str]) -> None:
        self.names = list(assets)
        self._parts = scaler.single_precision
        self._live = None if scaler.live.all() else scaler.live
        rows = scaler.rows_of(assets)
        self._rows = rows[:1] if (rows == rows[0]).all() else rows

    def of(self, assets: NDArray[np.int64]) -> RowScale:
        """The scale of rows ``[n]`` of assets, by their numbers in the batch."""
        rows = self._rows if len(self._rows) == 1 else self._rows[assets]
        high, low, scale = (part[rows] for part in self._parts)
        return RowScale(high, low, scale, self._live)
