"""One asset's readings become windows; its state lets another process continue."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

import msgspec

from tfstream.core.reading import Values
from tfstream.core.stream import StreamDefinition
from tfstream.core.windowing.grid import Anchor, Grid
from tfstream.core.windowing.window import WindowBuffer, WindowShape, needed_from


class Window(NamedTuple):
    """``values [rows, sensors]`` up to row ``end_index``; the offsets are those of its newest hop."""

    end_index: int
    values: Values
    first_offset: int
    last_offset: int

    def end_us(self, interval_us: int) -> int:
        """The event time at which the window's last row ends, in microseconds."""
        return (self.end_index + 1) * interval_us


class _RowSource(NamedTuple):
    """The messages of a closed row."""

    number: int
    anchor: Anchor
    last_offset: int


class TrackState(msgspec.Struct, frozen=True, kw_only=True):
    """The part of an asset's track that the state topic stores; its windows are read again from the log."""

    max_time_us: int
    heard_us: int  # the partition's clock at the asset's last message
    next_index: int
    started: bool
    late: int
    anchor: Anchor | None  # reading starts here; None: at the committed offset


class AssetTrack:
    """Grid and windows of one asset in one partition."""

    __slots__ = (
        "_dropped_rows",
        "_grid",
        "_in_order",
        "_replay_from",
        "_shape",
        "_sources",
        "_staleness",
        "_window",
        "heard_us",
    )

    def __init__(self, definition: StreamDefinition, shape: WindowShape) -> None:
        self._shape = shape
        self._staleness = definition.staleness_rows
        self._grid = Grid(
            interval_us=definition.interval_us,
            lateness_us=definition.lateness_us,
            gap_rows=shape.rows + self._staleness,
        )
        self._window = WindowBuffer(shape, len(definition.sensors), self._staleness)
        self._sources: deque[_RowSource] = deque()  # of the closed rows that the next window depends on
        self._in_order = True  # whether the anchors in ``_sources`` ascend
        self._dropped_rows = False  # whether the window began before the rows in ``_sources``
        self._replay_from = -1
        self.heard_us = -1

    @property
    def max_time_us(self) -> int:
        return self._grid.max_time_us

    @property
    def late(self) -> int:
        return self._grid.late

    @property
    def filled(self) -> int:
        """Unbroken rows in the window; the count continues beyond the window's size."""
        return self._window.filled

    def push(self, time_us: int, values: Values, offset: int, clock_us: int) -> list[Window]:
        """Add a reading; returns the windows that it completes, in order.

        ``clock_us`` is the partition's clock before the reading.
        """
        if offset < self._replay_from:  # during a rebuild: the anchor's state contains this message
            return []
        self.heard_us = max(clock_us, time_us)
        rows = self._grid.push(time_us, values, offset, clock_us)
        if not rows:
            return []
        windows = []
        for row in rows:
            if row.number != self._window.next_index:  # after a jump the window starts again
                self._drop_sources()
            window = self._window.push(row.number, row.values)
            if row.anchor is not None:
                self._add_source(row.number, row.anchor, row.last_offset)
            if window is not None:
                windows.append(self._window_of(row.number, window))
        self._drop_old_sources()
        if not self._grid.started:
            self._drop_sources()
        return windows

    def reset(self) -> None:
        """Empty the window: after a long silence its rows do not belong together."""
        self._grid.reset()
        self._window.clear()
        self._drop_sources()

    def state(self) -> TrackState:
        grid = self._grid
        return TrackState(
            max_time_us=grid.max_time_us,
            heard_us=self.heard_us,
            next_index=grid.next_index,
            started=grid.started,
            late=grid.late,
            anchor=self.anchor(),
        )

    def anchor(self) -> Anchor | None:
        """Where reading must start to rebuild the open rows and the window; None without either.

        That is the earliest message that they need. If rows before it were dropped, the window had already
        begun: then all rows from the oldest needed row on belong to it, also rows without a message.
        """
        first = self._first_anchor()
        if first is None or not self._dropped_rows:
            return first
        return first._replace(next_index=max(first.next_index, self._oldest_needed()), started=True)

    def resume(self, state: TrackState, committed_offset: int) -> None:
        """Prepare to read again from the anchor of ``state``, without an anchor from the committed offset."""
        anchor = state.anchor
        self.reset()
        self._grid.late = state.late if anchor is None else 0
        if anchor is None:
            self._replay_from = committed_offset
            self._grid.resume(
                max_time_us=state.max_time_us, next_index=state.next_index, started=state.started
            )
        else:
            self._replay_from = anchor.offset
            self._grid.resume(
                max_time_us=anchor.max_time_us, next_index=anchor.next_index, started=anchor.started
            )

    def go_live(self, state: TrackState) -> None:
        """The rebuild has reached the committed offset: take over the stored counters."""
        self._grid.late = state.late
        self.heard_us = state.heard_us

    def _first_anchor(self) -> Anchor | None:
        """The earliest anchor. Every commit needs it for every asset, and rows are mostly in order."""
        sources, pending = self._sources, self._grid.pending_anchor()
        if not sources:
            return pending
        first = sources[0].anchor if self._in_order else min(source.anchor for source in sources)
        return first if pending is None else min(first, pending)

    def _add_source(self, number: int, anchor: Anchor, last_offset: int) -> None:
        if self._sources and anchor < self._sources[-1].anchor:
            self._in_order = False
        self._sources.append(_RowSource(number, anchor, last_offset))

    def _window_of(self, end_index: int, values: Values) -> Window:
        start = end_index + 1 - self._shape.hop
        first = last = -1
        for number, anchor, last_offset in reversed(self._sources):  # on every row of a slow stream
            if number < start:
                break
            if first < 0 or anchor.offset < first:
                first = anchor.offset
            if last_offset > last:
                last = last_offset
        return Window(end_index, values, first, last)

    def _oldest_needed(self) -> int:
        return needed_from(self._grid.next_index, self._shape, self._staleness)

    def _drop_old_sources(self) -> None:
        oldest = self._oldest_needed()
        sources = self._sources
        while sources and sources[0].number < oldest:
            sources.popleft()
            self._dropped_rows = True

    def _drop_sources(self) -> None:
        self._sources.clear()
        self._in_order = True
        self._dropped_rows = False
