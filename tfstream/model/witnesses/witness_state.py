"""What the witnesses keep of assets between two rows, for every grid; it is stored as bytes.

Rows and levels are in the sensors' own units, so that a new model takes them over. Errors belong to a model:
under a new model they begin again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tfstream.core.reading import Values
from tfstream.model.witnesses.pyramid import GRID_ROWS, SPANS, STATISTICS, order_of

NOT_COLLECTING = -1  # rows before the first whole row of the next grid
_COUNTS = 3  # numbers beside the rows: seen, collected, log distance; then whether each statistic has fired
_NUMBERS = _COUNTS + len(STATISTICS)
_MEANS = len(SPANS) + 2  # rows beside the lags: levels, total, mean error

Array = NDArray[np.float64]


class StoredState(NamedTuple):
    """The stored state of an asset; ``same_model`` where it was written under the present model."""

    data: bytes
    same_model: bool


class GridStates(NamedTuple):
    """The states of assets on a grid; they are views, and what is assigned to their cells is kept.

    ``lags [assets, order, sensors]`` are the newest rows, ``levels [assets, spans, sensors]`` the exponential
    means. ``total [assets, sensors]`` is the sum of the ``collected [assets]`` rows of the next grid's row.
    ``mean_error [assets, sensors]`` is the exponential mean of errors, in standard units, ``log_distance
    [assets]`` that of the logarithm of their squared distance. ``fired [assets, statistics]`` is 1 from when
    a statistic exceeds its threshold until it is quiet again: what goes on is no new alarm. ``seen [assets]``
    counts rows; an asset without a row has no state on the grid yet.
    """

    lags: Values
    levels: Values
    total: Values
    mean_error: Values
    log_distance: Array
    fired: Array
    seen: Array
    collected: Array

    def begin(self, assets: NDArray[np.int64], first: Values) -> None:
        """Begin with the first rows ``[n, sensors]`` of assets; the next grid begins with a whole row."""
        self.lags[assets] = first[:, None]
        self.levels[assets] = first[:, None]
        self.collected[assets] = NOT_COLLECTING


class WitnessStates:
    """The states of many assets on all grids, decoded together; None for a new asset or after a gap.

    The bytes hold grid after grid, as far up as the asset has rows: a model may have more grids than the
    model before, or fewer. Bytes of other sensors are of no use: their asset begins again.
    """

    def __init__(self, grid_rows: Sequence[int], sensors: int, stored: Sequence[StoredState | None]) -> None:
        self._ends = _ends(grid_rows, sensors)
        self._data = np.zeros((len(stored), self._ends[-1]), dtype=np.uint8)
        usable = {0, *_ends(GRID_ROWS, sensors)}
        for asset, state in enumerate(stored):
            if state is not None and len(state.data) in usable:
                data = np.frombuffer(state.data, dtype=np.uint8, count=min(len(state.data), self._ends[-1]))
                self._data[asset, : len(data)] = data
        self.grids = [
            self._grid(start, order_of(rows), sensors)
            for start, rows in zip([0, *self._ends], grid_rows, strict=False)
        ]
        other = [number for number, state in enumerate(stored) if state is not None and not state.same_model]
        self._begin_errors(np.array(other, dtype=np.int64))

    def encode(self) -> list[bytes]:
        """The bytes that hold the state of each asset."""
        begun = sum(grid.seen > 0 for grid in self.grids)
        sizes = np.array([0, *self._ends])[begun].tolist()
        return [data[:size].tobytes() for data, size in zip(self._data, sizes, strict=True)]

    def _grid(self, start: int, order: int, sensors: int) -> GridStates:
        """Views of the bytes of a grid, which begin at ``start``."""
        count, size = self._data.shape
        numbers = np.ndarray((count, _NUMBERS), np.float64, self._data, start, (size, 8))
        shape, strides = (count, order + _MEANS, sensors), (size, 4 * sensors, 4)
        rows = np.ndarray(shape, np.float32, self._data, start + 8 * _NUMBERS, strides)
        spans = order + len(SPANS)
        return GridStates(
            lags=rows[:, :order],
            levels=rows[:, order:spans],
            total=rows[:, spans],
            mean_error=rows[:, spans + 1],
            log_distance=numbers[:, 2],
            fired=numbers[:, _COUNTS:],
            seen=numbers[:, 0],
            collected=numbers[:, 1],
        )

    def _begin_errors(self, assets: NDArray[np.int64]) -> None:
        """Another model predicts otherwise."""
        for grid in self.grids:
            grid.mean_error[assets] = 0.0
            grid.log_distance[assets] = 0.0
            grid.fired[assets] = 0.0


def _ends(grid_rows: Sequence[int], sensors: int) -> list[int]:
    """Where the bytes of each grid end; a grid has a multiple of 8 bytes."""
    sizes = [8 * _NUMBERS + 4 * sensors * (order_of(rows) + _MEANS) for rows in grid_rows]
    return np.cumsum(sizes).tolist()
