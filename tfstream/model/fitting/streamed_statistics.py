"""The statistics of the witnesses on rows of a series, as the stream would compute them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from tfstream.core.reading import Series
from tfstream.core.scaler import Scaler
from tfstream.model.witnesses.advance import NewRows, advance
from tfstream.model.witnesses.grid_model import GridModel
from tfstream.model.witnesses.grid_step import GridRows
from tfstream.model.witnesses.witness_state import StoredState

LEAD_ROWS = 24  # of the highest grid, before the first row that counts: they warm the statistics up
_ROWS_AT_ONCE = 4_096


def stream_values(
    grids: Sequence[GridModel], scaler: Scaler, piece: Series, rows: range, interval_us: int
) -> dict[int, tuple[NDArray[np.int64], NDArray[np.float64]]]:
    """The statistics of some rows of a piece, by grid: the rows' ends, and the values ``[n, statistics]``."""
    parts = [
        [(grid.entered.ends, grid.values) for grid in some]
        for some in streamed(grids, scaler, piece, rows, interval_us)
    ]
    levels = range(max(len(part) for part in parts))
    columns = [[part[level] for part in parts if level < len(part)] for level in levels]
    return {
        level: (np.concatenate([ends for ends, _ in some]), np.concatenate([values for _, values in some]))
        for level, some in enumerate(columns)
    }


def streamed(
    grids: Sequence[GridModel], scaler: Scaler, piece: Series, rows: range, interval_us: int
) -> Iterator[tuple[GridRows, ...]]:
    """What each grid computes for some rows of a piece, a few thousand rows at a time."""
    state = None
    before = int(piece.times_us[rows.start]) // interval_us - 1
    for at in range(rows.start, rows.stop, _ROWS_AT_ONCE):
        values = piece.values[at : min(at + _ROWS_AT_ONCE, rows.stop)]
        end = before + at - rows.start + len(values)
        advanced = advance(grids, scaler, [NewRows(piece.asset, state, values, end)])
        state = StoredState(advanced.states.encode()[0], same_model=True)
        yield advanced.grids
