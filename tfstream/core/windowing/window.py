"""The newest rows of one asset, with missing cells filled; a window ends with every hop."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tfstream.core.reading import Values, is_complete


class WindowShape(NamedTuple):
    """A window has ``rows`` rows; a new window ends every ``hop`` rows."""

    rows: int
    hop: int


class WindowBuffer:
    """A ring of rows.

    A missing cell carries the last value for at most ``staleness`` rows and is NaN after that. Windows end
    where ``(index + 1)`` is a multiple of the hop, so that they do not depend on the first row that was read.
    The buffer does not change the rows that it gets, and the caller must not change them later.
    """

    __slots__ = ("_age", "_last", "_last_complete", "_ring", "_shape", "_staleness", "filled", "next_index")

    def __init__(self, shape: WindowShape, sensors: int, staleness: int) -> None:
        self._shape = shape
        self._staleness = staleness
        self._ring: NDArray[np.float32] = np.empty((shape.rows, sensors), dtype=np.float32)
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
        """Add row ``index``; returns a window ``[rows, sensors]`` when this row completes one."""
        if index != self.next_index:
            self.clear()
        rows, hop = self._shape
        self._ring[index % rows] = self._fill(values)
        self.filled += 1
        self.next_index = index + 1
        if self.filled < rows or self.next_index % hop:
            return None
        return self._window(self.next_index % rows)

    def _window(self, oldest: int) -> Values:
        """The ring from its oldest row on."""
        window = np.empty_like(self._ring)
        newest = len(window) - oldest
        window[:newest] = self._ring[oldest:]
        window[newest:] = self._ring[:oldest]
        return window

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
    end = next_index + (-(next_index + 1)) % shape.hop  # the row that completes the next window
    return end + 1 - shape.rows - staleness


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
