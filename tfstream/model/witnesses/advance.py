"""Advances the witnesses of many assets by their newest rows: from readings to the values of all statistics.

Every number is the same, bit for bit, however the rows are divided into batches: products have a fixed size,
and exponential means follow row by row.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from tfstream.core.reading import Values
from tfstream.core.scaler import Scaler
from tfstream.model.numerics.threads import one_thread
from tfstream.model.witnesses.asset_rows import AssetRows, AssetScale
from tfstream.model.witnesses.grid_model import GridModel
from tfstream.model.witnesses.pyramid import FACTOR, STATISTICS
from tfstream.model.witnesses.witness_state import GridState, WitnessState


class NewRows(NamedTuple):
    """An asset's rows ``[n, sensors]`` in its sensors' units, NaN where missing, up to row ``end_index``.

    ``state`` is that of the asset before them, None for a new asset or after a gap.
    """

    asset: str
    state: WitnessState | None
    values: Values
    end_index: int


class GridRows(NamedTuple):
    """What a grid computed for an asset's new rows.

    ``ends [n]`` are the indices of their last rows in the stream. ``values [n, statistics]`` are NaN while a
    statistic warms up. ``compared`` has the rows ``[n, sensors]`` that each statistic compares, in standard
    units, and ``shown`` what the sensors show then, in their own units: the row, or its level.
    """

    ends: NDArray[np.int64]
    values: NDArray[np.float64]
    compared: tuple[Values, ...]
    shown: tuple[Values, ...]


class WitnessRows(NamedTuple):
    """An asset's state after its new rows, and what the grids computed, by their place in the pyramid.

    A grid is missing where no row of it was completed.
    """

    state: WitnessState
    grids: dict[int, GridRows]


@one_thread()
@torch.inference_mode()
def advance(grids: Sequence[GridModel], scaler: Scaler, batch: Sequence[NewRows]) -> list[WitnessRows]:
    """Advance every asset of a batch by its new rows; an asset must be in the batch only once.

    The states of the batch must not be used afterwards: they are continued.
    """
    results = [WitnessRows(_continued(rows), {}) for rows in batch]
    scales = [AssetScale.of(scaler, rows.asset) for rows in batch]
    entering = [_stream_rows(rows) for rows in batch]
    for level, grid in enumerate(grids):
        work = {
            number: AssetRows(
                grid, scales[number], _state(results[number].state, level, rows, scales[number]), *rows
            )
            for number, rows in enumerate(entering)
            if len(rows.values)
        }
        _compute(level, grid, work, results)
        nothing = _Entering(entering[0].values[:0], entering[0].ends[:0]) if entering else None
        entering = [
            _Entering(*work[number].next_grid_rows(FACTOR)) if number in work else nothing
            for number in range(len(batch))
            if nothing is not None
        ]
    return results


class _Entering(NamedTuple):
    """Rows ``values [n, sensors]`` that enter a grid, with the indices ``ends [n]`` of their last rows."""

    values: Values
    ends: NDArray[np.int64]


def _stream_rows(rows: NewRows) -> _Entering:
    first = rows.end_index + 1 - len(rows.values)
    return _Entering(rows.values, np.arange(first, rows.end_index + 1, dtype=np.int64))


def _continued(rows: NewRows) -> WitnessState:
    return WitnessState(rows.end_index, [] if rows.state is None else rows.state.grids)


def _state(state: WitnessState, level: int, rows: _Entering, scale: AssetScale) -> GridState:
    """The asset's state of a grid; it begins with the first row that enters the grid."""
    if level == len(state.grids):
        limited = scale.limited(rows.values[0])
        first = np.where(np.isnan(limited), scale.location, limited)
        state.grids.append(GridState.begin(FACTOR**level, first))
    return state.grids[level]


def _compute(level: int, grid: GridModel, work: dict[int, AssetRows], results: Sequence[WitnessRows]) -> None:
    """Compute errors and statistics of all assets together, and what each asset's state follows."""
    if not work:
        return
    parts = list(work.values())
    predicted = grid.predict(np.concatenate([part.lagged() for part in parts]))
    for part, own in zip(parts, _divided(predicted, parts), strict=True):
        part.follow(own)
    columns = [
        _divided(grid.statistic(number, np.concatenate([part.compared[number] for part in parts])), parts)
        for number in range(len(STATISTICS))
    ]
    for place, (number, part) in enumerate(work.items()):
        values = part.warmed_up(np.stack([column[place] for column in columns], axis=1))
        results[number].grids[level] = GridRows(part.ends, values, part.compared, part.shown)


def _divided(rows: NDArray[Any], parts: Sequence[AssetRows]) -> list[NDArray[Any]]:
    """Divide the rows of all assets again."""
    return np.split(rows, np.cumsum([len(part.ends) for part in parts])[:-1])
