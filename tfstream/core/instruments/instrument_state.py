"""What the checks of an asset need from the rows before its newest window: runs of equal values."""

from __future__ import annotations

import struct
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tfstream.core.reading import Values, is_complete

_ENTRY = np.dtype([("sensor", "<u2"), ("run", "<u4"), ("last", "<f4"), ("ago", "<u2"), ("shared", "?")])
_LONG_AGO = (1 << 16) - 1  # rows
_HEAD = struct.Struct("<qH")  # next row, number of sensors


TOGETHER_ROWS = 64  # within which excesses of several sensors count as one event


class InstrumentState(NamedTuple):
    """The rows before ``next_row`` are done.

    ``last [sensors]`` is the last known value of each sensor, NaN before the first; ``runs [sensors]`` is how
    many known rows up to the newest have this value. ``beyond [sensors]`` is the last row at which a check
    of the sensor was beyond its limit, and ``shared [sensors]`` whether many sensors were so at that time.
    """

    next_row: int
    last: Values
    runs: NDArray[np.int32]
    beyond: NDArray[np.int64]
    shared: NDArray[np.bool_]

    @classmethod
    def initial(cls, sensors: int, next_row: int = 0) -> InstrumentState:
        """The state before ``next_row``, the first row."""
        return cls(
            next_row,
            np.full(sensors, np.nan, dtype=np.float32),
            np.zeros(sensors, dtype=np.int32),
            np.full(sensors, next_row - _LONG_AGO),
            np.zeros(sensors, dtype=np.bool_),
        )

    def encode(self, newest: Values) -> bytes:
        """The state as bytes; ``newest [sensors]`` is the row before ``next_row``.

        A sensor whose value has just changed needs no entry, since the next window has its last value: in a
        plant without switches the state takes ten bytes.
        """
        head = _HEAD.pack(self.next_row, len(self.last))
        lately = self.beyond.max() >= self.next_row - TOGETHER_ROWS
        if not lately and self.runs.max() <= 1 and is_complete(newest):
            return head  # almost always
        ago = self.next_row - self.beyond
        ago = np.where(ago <= TOGETHER_ROWS, ago, _LONG_AGO)  # equal states give equal bytes
        kept = np.flatnonzero((self.runs > 1) | (np.isnan(newest) & (self.runs > 0)) | (ago <= TOGETHER_ROWS))
        entries = np.empty(len(kept), dtype=_ENTRY)
        entries["sensor"], entries["run"], entries["last"] = kept, self.runs[kept], self.last[kept]
        entries["ago"], entries["shared"] = ago[kept], (self.shared & (ago <= TOGETHER_ROWS))[kept]
        return head + entries.tobytes()

    @classmethod
    def decode(cls, data: bytes) -> InstrumentState:
        """The state of :meth:`encode`, without the last values that the next window has.

        :raises ValueError: when the bytes are no state.
        """
        if len(data) < _HEAD.size:
            raise ValueError(f"{len(data)} bytes are too few for the state of an asset's instruments")
        next_row, sensors = _HEAD.unpack_from(data)
        entries = np.frombuffer(data, dtype=_ENTRY, offset=_HEAD.size)
        state = cls.initial(sensors, next_row)
        if not len(entries):
            return state
        state.last[entries["sensor"]] = entries["last"]
        state.runs[entries["sensor"]] = entries["run"]
        state.beyond[entries["sensor"]] = next_row - entries["ago"].astype(np.int64)
        state.shared[entries["sensor"]] = entries["shared"]
        return state

    def at(self, window: Values, first_row: int) -> InstrumentState:
        """The state for a window that begins at ``first_row``; a new state if rows are missing before it.

        After :meth:`decode` it takes the last values from the window.
        """
        if self.next_row < first_row or self.next_row > first_row + len(window):
            return InstrumentState.initial(len(self.last), first_row)
        if self.next_row == first_row:
            return self
        before = window[self.next_row - 1 - first_row]
        restored = np.isnan(self.last) & ~np.isnan(before)
        if not restored.any():
            return self
        return self._replace(
            last=np.where(restored, before, self.last),
            runs=np.where(restored, np.int32(1), self.runs),
        )
