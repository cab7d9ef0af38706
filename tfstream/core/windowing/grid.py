"""Event-time alignment: an asset's readings, in any order, become rows on a regular grid.

Row ``k`` covers the event time ``[k, k + 1) * interval``. It closes when the watermark passes its end; the
watermark is the largest event time so far minus the allowed lateness. Without lateness, a row with a value of
every sensor closes at once. Everything here is a function of the log alone: reading it again gives the same
rows.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tfstream.core.reading import Values, is_complete

_NONE = -1


class Row(NamedTuple):
    """A closed row: ``values [sensors]``, NaN without a reading; None, as ``anchor``, without a message."""

    number: int
    values: Values | None
    anchor: Anchor | None
    last_offset: int


class Anchor(NamedTuple):
    """The state of a grid just before it read the message at ``offset``: reading can continue from there."""

    offset: int
    clock_us: int  # the partition's clock: the largest event time of any asset in it
    max_time_us: int
    next_index: int
    started: bool


class _Pending:
    __slots__ = ("anchor", "last_offset", "values")

    def __init__(self, values: Values, anchor: Anchor) -> None:
        self.values = values
        self.anchor = anchor
        self.last_offset = anchor.offset

    def merge(self, values: Values, offset: int) -> None:
        """Take over the values of a later message, cell by cell."""
        np.copyto(self.values, values, where=~np.isnan(values))
        self.last_offset = offset


class Grid:
    """The open rows of one asset. A jump in time gives at most ``gap_rows`` empty rows."""

    __slots__ = (
        "_gap_rows",
        "_interval_us",
        "_lateness_us",
        "_pending",
        "late",
        "max_time_us",
        "next_index",
        "started",
    )

    def __init__(self, *, interval_us: int, lateness_us: int, gap_rows: int) -> None:
        self._interval_us = interval_us
        self._lateness_us = lateness_us
        self._gap_rows = gap_rows
        self._pending: dict[int, _Pending] = {}
        self.max_time_us = _NONE
        self.next_index = _NONE  # the first row that is still open
        self.started = False  # whether a row has closed since the start or the last reset
        self.late = 0

    def resume(self, *, max_time_us: int, next_index: int, started: bool) -> None:
        """Continue from the fields of an anchor or of a stored state."""
        self._pending.clear()
        self.max_time_us, self.next_index, self.started = max_time_us, next_index, started

    def reset(self) -> None:
        """Drop the open rows; closed rows stay closed."""
        self._pending.clear()
        self.started = False

    def pending_anchor(self) -> Anchor | None:
        """The anchor of the earliest message in an open row; None without open rows."""
        return min((row.anchor for row in self._pending.values()), default=None)

    def push(self, time_us: int, values: Values, offset: int, clock_us: int) -> list[Row]:
        """Add a reading; returns the rows that it closes, in order. A late reading is only counted."""
        index = time_us // self._interval_us
        if index < self.next_index:
            self.late += 1
            return []
        if (
            self._lateness_us == 0
            and not self._pending
            and time_us >= self.max_time_us
            and is_complete(values)
        ):
            return self._close_whole(index, time_us, values, offset, clock_us)
        row = self._pending.get(index)
        if row is None:
            anchor = Anchor(offset, clock_us, self.max_time_us, self.next_index, self.started)
            row = self._pending[index] = _Pending(values, anchor)
        else:
            row.merge(values, offset)
        self.max_time_us = max(self.max_time_us, time_us)
        watermark_us = self.max_time_us - self._lateness_us
        first_open = watermark_us // self._interval_us
        if self._lateness_us == 0 and index == first_open and is_complete(row.values):
            first_open += 1  # complete: no further reading can change it
        return self._close(first_open)

    def _close_whole(self, index: int, time_us: int, values: Values, offset: int, clock_us: int) -> list[Row]:
        """Close a complete row in order, with no row open before it: the usual case, on a short path."""
        anchor = Anchor(offset, clock_us, self.max_time_us, self.next_index, self.started)
        rows = self._gap(index) if index != self.next_index else []
        rows.append(Row(index, values, anchor, offset))
        self.max_time_us, self.next_index, self.started = time_us, index + 1, True
        return rows

    def _close(self, first_open: int) -> list[Row]:
        """Close every row before ``first_open``, empty rows included."""
        if first_open <= self.next_index:
            return []
        indices = sorted(index for index in self._pending if index < first_open)
        rows: list[Row] = []
        for index in indices:
            rows += self._gap(index)
            row = self._pending.pop(index)
            rows.append(Row(index, row.values, row.anchor, row.last_offset))
            self.next_index, self.started = index + 1, True
        rows += self._gap(first_open)
        self.next_index = first_open
        return rows

    def _gap(self, until: int) -> list[Row]:
        """The empty rows before ``until``: none before the first reading, at most ``gap_rows``."""
        if not self.started:
            return []
        stop = min(until, self.next_index + self._gap_rows)
        rows = [Row(number, None, None, _NONE) for number in range(self.next_index, stop)]
        self.started = stop == until
        return rows
