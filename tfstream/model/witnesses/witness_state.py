"""What the witnesses keep of an asset between two rows, for every grid; it is stored as bytes.

Rows and levels are in the sensors' own units, so that a new model takes them over. Errors belong to a model:
under a new model they begin again.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tfstream.core.reading import Values
from tfstream.model.witnesses.pyramid import SPANS, STATISTICS, order_of

NOT_COLLECTING = -1  # rows before the first whole row of the next grid
_COUNTS = 2
_NUMBERS = _COUNTS + 1 + len(STATISTICS)  # beside the rows: seen, collected; log distance; fired


@dataclass(slots=True)
class GridState:
    """``lags [order, sensors]`` are the newest rows, ``levels [spans, sensors]`` the exponential means.

    ``total [sensors]`` is the sum of the ``collected`` rows of the next grid's row. ``mean_error [sensors]``
    is the exponential mean of errors, in standard units, ``log_distance`` that of the logarithm of their
    squared distance. ``fired [statistics]`` is true from when a statistic exceeds its threshold until it is
    quiet again: what goes on is no new alarm. ``seen`` counts rows.
    """

    lags: Values
    levels: Values
    total: Values
    mean_error: Values
    log_distance: float
    fired: NDArray[np.bool_]
    seen: int
    collected: int

    @classmethod
    def begin(cls, grid_rows: int, first: Values) -> GridState:
        """The state before its first row ``[sensors]``; the next grid begins with its first whole row."""
        zero = np.zeros_like(first)
        return cls(
            lags=np.tile(first, (order_of(grid_rows), 1)),
            levels=np.tile(first, (len(SPANS), 1)),
            total=zero.copy(),
            mean_error=zero.copy(),
            log_distance=0.0,
            fired=np.zeros(len(STATISTICS), dtype=np.bool_),
            seen=0,
            collected=NOT_COLLECTING,
        )


@dataclass(slots=True)
class WitnessState:
    """The state of an asset's grids after row ``end_index``; a grid begins with its first row."""

    end_index: int
    grids: list[GridState]

    def under_new_model(self) -> WitnessState:
        """The state without errors: another model predicts otherwise."""
        return WitnessState(self.end_index, [_without_errors(grid) for grid in self.grids])


def encode_state(state: WitnessState) -> bytes:
    """The grids as float32 numbers; ``end_index`` is stored beside them."""
    parts = []
    for grid in state.grids:
        rows = [grid.lags, grid.levels, grid.total[None], grid.mean_error[None]]
        numbers = np.array([grid.seen, grid.collected], dtype=np.float64)
        parts += [numbers.tobytes(), np.array([grid.log_distance, *grid.fired]).tobytes()]
        parts += [np.ascontiguousarray(part, dtype=np.float32).tobytes() for part in rows]
    return b"".join(parts)


def decode_state(
    data: bytes, end_index: int, grid_rows: tuple[int, ...], sensors: int
) -> WitnessState | None:
    """The inverse of :func:`encode_state`; None when the bytes belong to other grids or sensors.

    A state may hold fewer grids than the model: a grid begins with its first row.
    """
    grids, at = [], 0
    for rows in grid_rows:
        if at == len(data):
            break
        size = _size(rows, sensors)
        if at + size > len(data):
            return None
        grids.append(_decode_grid(data[at : at + size], order_of(rows), sensors))
        at += size
    return WitnessState(end_index, grids) if at == len(data) else None


def _size(grid_rows: int, sensors: int) -> int:
    return 8 * _NUMBERS + 4 * sensors * (order_of(grid_rows) + len(SPANS) + 2)


def _decode_grid(data: bytes, order: int, sensors: int) -> GridState:
    numbers = np.frombuffer(data, dtype=np.float64, count=_NUMBERS)
    rows = np.frombuffer(data, dtype=np.float32, offset=8 * _NUMBERS).reshape(-1, sensors).copy()
    spans = len(SPANS)
    return GridState(
        lags=rows[:order],
        levels=rows[order : order + spans],
        total=rows[order + spans],
        mean_error=rows[order + spans + 1],
        log_distance=float(numbers[_COUNTS]),
        fired=numbers[_COUNTS + 1 :] > 0,
        seen=int(numbers[0]),
        collected=int(numbers[1]),
    )


def _without_errors(grid: GridState) -> GridState:
    return GridState(
        lags=grid.lags,
        levels=grid.levels,
        total=grid.total,
        mean_error=np.zeros_like(grid.mean_error),
        log_distance=0.0,
        fired=np.zeros_like(grid.fired),
        seen=grid.seen,
        collected=grid.collected,
    )
