"""All assets of one partition: their tracks, the partition's clock, and the silent assets.

The clock is the largest event time of any asset. Like everything here it is a function of the log: two passes
over the same offsets give the same windows and the same silences.
"""

from __future__ import annotations

import heapq
from typing import NamedTuple

from tfstream.core.reading import Reading
from tfstream.core.stream import WEEK_US, StreamDefinition
from tfstream.core.windowing.asset_track import AssetTrack, TrackState, Window
from tfstream.core.windowing.window import WindowShape

_FORGET_AFTER_US = WEEK_US  # of event time after the asset became silent


class WindowReady(NamedTuple):
    """A window; it is scored if it ends a hop."""

    asset: str
    window: Window


class AssetSilent(NamedTuple):
    """An asset sent no message while the clock of its partition advanced by the silence limit."""

    asset: str
    since_us: int
    offset: int  # the message of another asset that advanced the clock


class AssetReturned(NamedTuple):
    """A silent asset sends messages again."""

    asset: str
    time_us: int
    offset: int


class AssetForgotten(NamedTuple):
    """An asset has been silent for so long that its state is dropped."""

    asset: str
    ended_us: int  # when the partition's clock passed its limit
    offset: int  # the message of another asset that advanced the clock


TrackEvent = WindowReady | AssetSilent | AssetReturned | AssetForgotten


class PartitionTracks:
    """The tracks of one partition.

    An asset that sends no message while the clock advances by more than ``silence_us`` is silent. Its window
    is dropped, so that it does not hold back the rewind offset. An asset that sends messages with old times,
    as when a producer catches up with history, is not silent.

    After one more week of the clock a silent asset is gone and its track is dropped; otherwise a partition
    would grow by every asset that it has ever had. If the asset returns, it is a new asset.
    """

    def __init__(self, definition: StreamDefinition, shape: WindowShape) -> None:
        self._definition = definition
        self._shape = shape
        self.silence_us = silence_limit_us(definition, shape)
        self.clock_us = -1
        self.silent: set[str] = set()
        self._tracks: dict[str, AssetTrack] = {}
        self._deadlines: list[tuple[int, str]] = []
        self._forget_deadlines: list[tuple[int, str]] = []  # one for each silence, past silences included

    def __contains__(self, asset: str) -> bool:
        return asset in self._tracks

    def __len__(self) -> int:
        return len(self._tracks)

    @property
    def late(self) -> int:
        """The number of readings that came after their row had closed."""
        return sum(track.late for track in self._tracks.values())

    @property
    def fullest(self) -> int:
        """Rows in the fullest window of all assets; at least a window's size once a window is full."""
        return max((track.filled for track in self._tracks.values()), default=0)

    def push(self, reading: Reading, offset: int) -> list[TrackEvent]:
        """Add a reading; returns the events that it causes, in order."""
        asset, time_us, values = reading
        track = self._tracks.get(asset)
        if track is None:
            track = self._tracks[asset] = AssetTrack(self._definition, self._shape)
            heapq.heappush(self._deadlines, (max(time_us, self.clock_us) + self.silence_us, asset))
        events: list[TrackEvent] = [
            WindowReady(asset, window) for window in track.push(time_us, values, offset, self.clock_us)
        ]
        self.clock_us = max(self.clock_us, time_us)
        if asset in self.silent:
            self.silent.discard(asset)
            heapq.heappush(self._deadlines, (track.heard_us + self.silence_us, asset))
            events.insert(0, AssetReturned(asset, track.heard_us, offset))
        if self._deadlines and self._deadlines[0][0] < self.clock_us:
            events.extend(self._silent_assets(offset))
        if self._forget_deadlines and self._forget_deadlines[0][0] < self.clock_us:
            events.extend(self._forgotten_assets(offset))
        return events

    def _silent_assets(self, offset: int) -> list[AssetSilent]:
        """Assets whose deadline has passed. Deadlines are moved when they are due, not with each message."""
        events = []
        while self._deadlines and self._deadlines[0][0] < self.clock_us:
            _, asset = heapq.heappop(self._deadlines)
            track = self._tracks[asset]
            deadline = track.heard_us + self.silence_us
            if deadline >= self.clock_us:
                heapq.heappush(self._deadlines, (deadline, asset))
                continue
            track.reset()
            self.silent.add(asset)
            heapq.heappush(self._forget_deadlines, (self._forget_us(track), asset))
            events.append(AssetSilent(asset, track.heard_us, offset))
        return sorted(events, key=lambda silent: (silent.since_us, silent.asset))

    def _forgotten_assets(self, offset: int) -> list[AssetForgotten]:
        """Assets whose silence has lasted too long. The deadline of a silence that has ended is ignored."""
        events = []
        while self._forget_deadlines and self._forget_deadlines[0][0] < self.clock_us:
            deadline, asset = heapq.heappop(self._forget_deadlines)
            if asset in self.silent and self._forget_us(self._tracks[asset]) == deadline:
                self.silent.discard(asset)
                del self._tracks[asset]
                events.append(AssetForgotten(asset, deadline, offset))
        return events

    def _forget_us(self, track: AssetTrack) -> int:
        return track.heard_us + self.silence_us + _FORGET_AFTER_US

    def state(self, asset: str) -> TrackState:
        return self._tracks[asset].state()

    def rewind(self, position: int) -> int:
        """The oldest offset that a window or an open row needs; ``position`` where none needs one."""
        anchors = (track.anchor() for track in self._tracks.values())
        return min((anchor.offset for anchor in anchors if anchor is not None), default=position)

    def resume(self, states: dict[str, TrackState], clock_us: int, committed_offset: int) -> int:
        """Take over stored states; returns the offset from which :meth:`rebuild` must read."""
        for asset, state in states.items():
            track = self._tracks[asset] = AssetTrack(self._definition, self._shape)
            track.resume(state, committed_offset)
        anchors = [state.anchor for state in states.values() if state.anchor is not None]
        first = min(anchors, default=None)
        self.clock_us = clock_us if first is None else first.clock_us
        return committed_offset if first is None else first.offset

    def rebuild(self, reading: Reading, offset: int) -> None:
        """Read a message again that a commit covers: fills windows and causes no events."""
        track = self._tracks.get(reading.asset)
        if track is not None:
            track.push(reading.time_us, reading.values, offset, self.clock_us)
        self.clock_us = max(self.clock_us, reading.time_us)

    def go_live(self, states: dict[str, TrackState], silent: set[str]) -> None:
        """The rebuild has reached the committed offset: take over the stored counters and silences."""
        self.silent = set(silent)
        for asset, state in states.items():
            self._tracks[asset].go_live(state)
        self._deadlines = [
            (track.heard_us + self.silence_us, asset)
            for asset, track in self._tracks.items()
            if asset not in self.silent
        ]
        self._forget_deadlines = [(self._forget_us(self._tracks[asset]), asset) for asset in self.silent]
        heapq.heapify(self._deadlines)
        heapq.heapify(self._forget_deadlines)


def silence_limit_us(definition: StreamDefinition, shape: WindowShape) -> int:
    """The silence limit: the length of a window with filled cells, plus the lateness, in microseconds."""
    rows = shape.rows + definition.staleness_rows
    return rows * definition.interval_us + definition.lateness_us
