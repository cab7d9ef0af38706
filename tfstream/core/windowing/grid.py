"""Event-time alignment: an asset's readings, in any order, become rows on a regular grid.

Row ``k`` covers the event time ``[k, k + 1) * interval``. It closes when the watermark, the largest event
time seen less the allowed lateness, passes its end; without lateness, a row that holds every sensor closes
at once. Everything here is a function of the log alone, so that reading it again gives the same rows.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tfstream.core.reading import Values, is_complete

_NONE = -1


class Row(NamedTuple):
    """A closed row: ``values [sensors]``, NaN where nothing came; None when no message came at all."""

    number: int
    values: Values | None
    anchor: Anchor | None
    last_offset: int


class Anchor(NamedTuple):
    """What the grid knew just before it read the message at ``offset``: enough to read on from there."""

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
        """The later message wins, cell by cell."""
        np.copyto(self.values, values, where=~np.isnan(values))
        self.last_offset = offset


class Grid:
    """The open rows of one asset. ``gap_rows`` bounds how many empty rows a jump in time gives."""

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
        """Go on from what an anchor or a stored state says."""
        self._pending.clear()
        self.max_time_us, self.next_index, self.started = max_time_us, next_index, started

    def reset(self) -> None:
        """Forget the open rows; rows that closed before stay closed."""
        self._pending.clear()
        self.started = False

    def pending_anchor(self) -> Anchor | None:
        """The earliest message that an open row still holds."""
        return min((row.anchor for row in self._pending.values()), default=None)

    def push(self, time_us: int, values: Values, offset: int, clock_us: int) -> list[Row]:
        """One reading in, the rows that it closes out, in order. A late reading is counted and gives none."""
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
            return self._at_once(index, time_us, values, offset, clock_us)
        row = self._pending.get(index)
        if row is None:
            anchor = Anchor(offset, clock_us, self.max_time_us, self.next_index, self.started)
            row = self._pending[index] = _Pending(values, anchor)
        else:
            row.merge(values, offset)
        self.max_time_us = max(self.max_time_us, time_us)
        limit = (self.max_time_us - self._lateness_us) // self._interval_us
        if self._lateness_us == 0 and index == limit and is_complete(row.values):
            limit += 1  # complete: nothing more can come for it
        return self._close(limit)

    def _at_once(self, index: int, time_us: int, values: Values, offset: int, clock_us: int) -> list[Row]:
        """A complete row in order, with nothing before it open: the usual case, without the detour."""
        anchor = Anchor(offset, clock_us, self.max_time_us, self.next_index, self.started)
        rows = self._gap(index) if index != self.next_index else []
        rows.append(Row(index, values, anchor, offset))
        self.max_time_us, self.next_index, self.started = time_us, index + 1, True
        return rows

    def _close(self, limit: int) -> list[Row]:
        """Close every row before ``limit``."""
        if limit <= self.next_index:
            return []
        held = sorted(index for index in self._pending if index < limit)
        rows: list[Row] = []
        for index in held:
            rows += self._gap(index)
            row = self._pending.pop(index)
            rows.append(Row(index, row.values, row.anchor, row.last_offset))
            self.next_index, self.started = index + 1, True
        rows += self._gap(limit)
        self.next_index = limit
        return rows

    def _gap(self, until: int) -> list[Row]:
        """The empty rows before ``until``: none before the first reading; past ``gap_rows`` all is new."""
        if not self.started:
            return []
        stop = min(until, self.next_index + self._gap_rows)
        rows = [Row(number, None, None, _NONE) for number in range(self.next_index, stop)]
        self.started = stop == until
        return rows
