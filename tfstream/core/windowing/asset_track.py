"""One asset's way from readings to windows, and what must be kept to take it up again elsewhere."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

import msgspec

from tfstream.core.reading import Values
from tfstream.core.stream import StreamDefinition
from tfstream.core.windowing.grid import Anchor, Grid
from tfstream.core.windowing.window import WindowBuffer, WindowShape, needed_from


class Window(NamedTuple):
    """``values [rows, sensors]`` ending with row ``end_index``, and the offsets of its newest hop."""

    end_index: int
    values: Values
    first_offset: int
    last_offset: int

    def end_us(self, interval_us: int) -> int:
        """The event time at which the window's last row ends, in microseconds."""
        return (self.end_index + 1) * interval_us


class _Kept(NamedTuple):
    """Where a closed row came from."""

    number: int
    anchor: Anchor
    last_offset: int


class TrackState(msgspec.Struct, frozen=True, kw_only=True):
    """What the state topic keeps of an asset's track: the windows themselves are read again from the log."""

    max_time_us: int
    heard_us: int  # the partition's clock when the asset last sent anything
    next_index: int
    started: bool
    late: int
    anchor: Anchor | None  # read again from here; None: from the committed offset


class AssetTrack:
    """Grid and windows of one asset in one partition."""

    __slots__ = (
        "_forgot",
        "_grid",
        "_in_order",
        "_kept",
        "_replay_from",
        "_shape",
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
        self._kept: deque[_Kept] = deque()  # the closed rows that the next window depends on
        self._in_order = True  # whether the rows that are kept began in their own order
        self._forgot = False  # whether the window began before the rows that are kept
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
        """Rows in a row that the window has, beyond its size when it is full."""
        return self._window.filled

    def push(self, time_us: int, values: Values, offset: int, clock_us: int) -> list[Window]:
        """One reading in, the windows it completes out."""
        if offset < self._replay_from:  # while restoring: the stored state already knows this message
            return []
        self.heard_us = max(clock_us, time_us)
        rows = self._grid.push(time_us, values, offset, clock_us)
        if not rows:
            return []
        windows = []
        for row in rows:
            if row.number != self._window.next_index:  # a jump: the window begins anew
                self._forget_all()
            window = self._window.push(row.number, row.values)
            if row.anchor is not None:
                self._keep(row.number, row.anchor, row.last_offset)
            if window is not None:
                windows.append(self._window_of(row.number, window))
        self._forget_old_rows()
        if not self._grid.started:
            self._forget_all()
        return windows

    def reset(self) -> None:
        """Forget the window: the asset was silent for too long for its rows to belong together."""
        self._grid.reset()
        self._window.clear()
        self._forget_all()

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
        """Where this track must read on from to rebuild its open rows and its window.

        That is the earliest message that is still needed. Where rows before it were forgotten, the window had
        begun: the rows from the oldest needed one on are part of it even where no message came for them.
        """
        first = self._first_anchor()
        if first is None or not self._forgot:
            return first
        return first._replace(next_index=max(first.next_index, self._oldest_needed()), started=True)

    def resume(self, state: TrackState, committed_offset: int) -> None:
        """Get ready to read again from the anchor of ``state``, or from the committed offset without one."""
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

    def went_live(self, state: TrackState) -> None:
        """The rebuilding has reached the committed offset: counters go on from the stored ones."""
        self._grid.late = state.late
        self.heard_us = state.heard_us

    def _first_anchor(self) -> Anchor | None:
        """The earliest of all; it is asked of every asset at every commit, and rows are mostly in order."""
        kept, pending = self._kept, self._grid.pending_anchor()
        if not kept:
            return pending
        first = kept[0].anchor if self._in_order else min(row.anchor for row in kept)
        return first if pending is None else min(first, pending)

    def _keep(self, number: int, anchor: Anchor, last_offset: int) -> None:
        if self._kept and anchor < self._kept[-1].anchor:
            self._in_order = False
        self._kept.append(_Kept(number, anchor, last_offset))

    def _window_of(self, end_index: int, values: Values) -> Window:
        start = end_index + 1 - self._shape.hop
        first = last = -1
        for row in reversed(self._kept):
            if row.number < start:
                break
            first = row.anchor.offset if first < 0 else min(first, row.anchor.offset)
            last = max(last, row.last_offset)
        return Window(end_index, values, first, last)

    def _oldest_needed(self) -> int:
        return needed_from(self._grid.next_index, self._shape, self._staleness)

    def _forget_old_rows(self) -> None:
        oldest = self._oldest_needed()
        kept = self._kept
        while kept and kept[0].number < oldest:
            kept.popleft()
            self._forgot = True

    def _forget_all(self) -> None:
        self._kept.clear()
        self._in_order = True
        self._forgot = False
