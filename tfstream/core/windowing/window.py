"""The newest rows of one asset, with missing cells filled; a window ends every ``step`` rows."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tfstream.core.reading import Values, is_complete

_SLOW_INTERVAL_US = 10_000_000  # a hop of 8 rows is 8 s at one row a second, and 8 minutes at one a minute


class WindowShape(NamedTuple):
    """A window has ``rows`` rows and ends every ``step`` rows; a window is scored every ``hop`` rows.

    ``step`` divides ``hop``: every window that is scored is among the windows that end.
    """

    rows: int
    hop: int
    step: int

    def ends_hop(self, end_index: int) -> bool:
        """Whether a hop ends with row ``end_index``, so that its window is scored."""
        return (end_index + 1) % self.hop == 0


def step_rows(interval_us: int, hop: int) -> int:
    """Rows between two windows of a stream: 1 at sampling intervals of 10 s and more, else ``hop``.

    At one row a second a hop of 8 rows delays an alarm by 8 s at most, which costs nothing. At one row a
    minute it would be 8 minutes, and rows are so few that a window for each of them is cheap.
    """
    return 1 if interval_us >= _SLOW_INTERVAL_US else hop


class WindowBuffer:
    """The rows of the next windows, in a block of memory.

    A missing cell carries the last value for at most ``staleness`` rows and is NaN after that. Windows end
    where ``(index + 1)`` is a multiple of the step, so that they do not depend on the first row that was
    read. The buffer does not change the rows that it gets, and the caller must not change them later.

    A window is a read-only view of the block. It keeps its values, because a row of a block is written once:
    rows that find no place in the block go to a new block, to which the rows before them are copied. A block
    has place for the rows of a window and for the other windows of a hop.
    """

    __slots__ = (
        "_age",
        "_block",
        "_end",
        "_last",
        "_last_complete",
        "_shape",
        "_staleness",
        "filled",
        "next_index",
    )

    def __init__(self, shape: WindowShape, sensors: int, staleness: int) -> None:
        self._shape = shape
        self._staleness = staleness
        places = shape.rows + shape.hop - shape.step
        self._block: NDArray[np.float32] = np.empty((places, sensors), dtype=np.float32)
        self._end = 0  # the first free place in the block
        self._last: NDArray[np.float32] = np.full(sensors, np.nan, dtype=np.float32)
        self._age: NDArray[np.int32] = np.zeros(sensors, dtype=np.int32)
        # the previous row if it was complete: its values are not yet in ``_last`` and ``_age``
        self._last_complete: Values | None = None
        self.filled = 0
        self.next_index = 0

    def clear(self) -> None:
        self._last_complete = None
        self._last[:] = np.nan
        self.filled = 0

    def push(self, index: int, values: Values | None) -> Values | None:
        """Add row ``index``; returns a window ``[rows, sensors]``, read-only, when this row completes one."""
        if index != self.next_index:
            self.clear()
        if self._end == len(self._block):
            self._begin_block(index)
        self._block[self._end] = self._fill(values)
        self._end += 1
        self.filled += 1
        self.next_index = index + 1
        if self.filled < self._shape.rows or self.next_index % self._shape.step:
            return None
        window: Values = self._block[self._end - self._shape.rows : self._end]
        window.flags.writeable = False
        return window

    def _begin_block(self, index: int) -> None:
        """Continue in a new block, with the rows before row ``index`` that the next window has."""
        kept = index - _next_window_start(index, self._shape)
        block = np.empty_like(self._block)
        block[:kept] = self._block[self._end - kept :]
        self._block, self._end = block, kept

    def _fill(self, values: Values | None) -> Values:
        if values is not None and is_complete(values):
            self._last_complete = values
            return values
        if self._last_complete is not None:
            self._last[:] = self._last_complete
            self._age[:] = 0
            self._last_complete = None
        self._age += 1
        if values is not None:
            known = ~np.isnan(values)
            self._age[known] = 0
            np.copyto(self._last, values, where=known)
        return np.where(self._age <= self._staleness, self._last, np.float32(np.nan))


def needed_from(next_index: int, shape: WindowShape, staleness: int) -> int:
    """The oldest row that the next window after ``next_index`` depends on, also through filled cells."""
    return _next_window_start(next_index, shape) - staleness


def _next_window_start(next_index: int, shape: WindowShape) -> int:
    """The first row of the next window that ends with row ``next_index`` or later."""
    end = next_index + (-(next_index + 1)) % shape.step  # the row that completes the window
    return end + 1 - shape.rows


def align(
    times_us: NDArray[np.int64],
    values: NDArray[np.float32],
    *,
    interval_us: int,
    staleness: int,
    closes_early: bool = True,
) -> tuple[int, Values]:
    """Align a whole series at once, for training: returns ``(first row, values [rows, sensors])``.

    The rows equal those of the stream: cells are filled as in :class:`WindowBuffer`, and several readings of
    one row are merged as in :class:`Grid`. ``times_us [readings]`` must be ascending, ``values`` are
    ``[readings, sensors]``. With ``closes_early`` a complete row takes no further readings, as in a stream
    without lateness.
    """
    indices = times_us // interval_us
    first = int(indices[0])
    slots = (indices - first).astype(np.int64)
    grid = np.full((int(slots[-1]) + 1, values.shape[1]), np.nan, dtype=np.float32)
    grid[slots] = values
    for slot in np.unique(slots[1:][np.diff(slots) == 0]).tolist():  # rows with several readings are few
        grid[slot] = _merged(values[slots == slot], closes_early)
    if not np.isnan(grid).any():
        return first, grid
    row = np.arange(len(grid))[:, None]
    source = np.maximum.accumulate(np.where(np.isnan(grid), -1, row), axis=0)
    fresh = (source >= 0) & (row - source <= staleness)
    filled: Values = np.take_along_axis(grid, np.maximum(source, 0), axis=0)
    filled[~fresh] = np.nan
    return first, filled


def _merged(readings: Values, closes_early: bool) -> Values:
    row: Values = readings[0].copy()
    for reading in readings[1:]:
        if closes_early and not np.isnan(row).any():
            break
        np.copyto(row, reading, where=~np.isnan(reading))
    return row
