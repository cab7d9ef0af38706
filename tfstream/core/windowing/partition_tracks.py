"""All assets of one partition: their tracks, the partition's clock, and who has fallen silent.

The clock is the largest event time of any asset. Like everything here it is a function of the log, so two
passes over the same offsets see the same windows and the same silences.
"""

from __future__ import annotations

import heapq
from typing import NamedTuple

from tfstream.core.reading import Reading
from tfstream.core.stream import WEEK_US, StreamDefinition
from tfstream.core.windowing.asset_track import AssetTrack, TrackState, Window
from tfstream.core.windowing.window import WindowShape

_GONE_AFTER_US = WEEK_US  # of silence that has been told of


class WindowReady(NamedTuple):
    """A window to be scored."""

    asset: str
    window: Window


class AssetSilent(NamedTuple):
    """An asset sent nothing while the clock of its partition moved on by the silence limit."""

    asset: str
    since_us: int
    offset: int  # the message of another asset that showed it


class AssetReturned(NamedTuple):
    """A silent asset reports again."""

    asset: str
    time_us: int
    offset: int


class AssetGone(NamedTuple):
    """An asset has been silent for so long that all that is known of it is forgotten."""

    asset: str
    ended_us: int  # when the partition's clock passed its limit
    offset: int  # the message of another asset that showed it


TrackEvent = WindowReady | AssetSilent | AssetReturned | AssetGone


class PartitionTracks:
    """The tracks of one partition.

    An asset that sends nothing while the clock moves on by more than ``silence_us`` is reported and its
    window forgotten, so that it does not pin the offset from which the partition would be read again. One
    that sends with its own clock behind, as when history is caught up with, is not silent.

    One that stays silent for a week of the clock's more is forgotten, or a partition would grow by every
    asset that it has ever had. Should it return, it is a new one.
    """

    def __init__(self, definition: StreamDefinition, shape: WindowShape) -> None:
        self._definition = definition
        self._shape = shape
        self.silence_us = silence_limit_us(definition, shape)
        self.clock_us = -1
        self.silent: set[str] = set()
        self._tracks: dict[str, AssetTrack] = {}
        self._deadlines: list[tuple[int, str]] = []
        self._departures: list[tuple[int, str]] = []  # one for each silence, whether it still lasts or not

    def __contains__(self, asset: str) -> bool:
        return asset in self._tracks

    def __len__(self) -> int:
        return len(self._tracks)

    @property
    def late(self) -> int:
        """Readings that came after their row had closed."""
        return sum(track.late for track in self._tracks.values())

    @property
    def fullest(self) -> int:
        """Rows that the fullest window of any asset has; at least its size when one is full."""
        return max((track.filled for track in self._tracks.values()), default=0)

    def push(self, reading: Reading, offset: int) -> list[TrackEvent]:
        """One reading in; what it brings to light, in order."""
        asset, time_us, values = reading
        track = self._tracks.get(asset)
        if track is None:
            track = self._tracks[asset] = AssetTrack(self._definition, self._shape)
            heapq.heappush(self._deadlines, (max(time_us, self.clock_us) + self.silence_us, asset))
        found: list[TrackEvent] = [
            WindowReady(asset, window) for window in track.push(time_us, values, offset, self.clock_us)
        ]
        self.clock_us = max(self.clock_us, time_us)
        if asset in self.silent:
            self.silent.discard(asset)
            heapq.heappush(self._deadlines, (track.heard_us + self.silence_us, asset))
            found.insert(0, AssetReturned(asset, track.heard_us, offset))
        if self._deadlines and self._deadlines[0][0] < self.clock_us:
            found.extend(self._new_silences(offset))
        if self._departures and self._departures[0][0] < self.clock_us:
            found.extend(self._departed(offset))
        return found

    def _new_silences(self, offset: int) -> list[AssetSilent]:
        """Deadlines are moved on only when they come up: most assets have reported since."""
        found = []
        while self._deadlines and self._deadlines[0][0] < self.clock_us:
            _, asset = heapq.heappop(self._deadlines)
            track = self._tracks[asset]
            deadline = track.heard_us + self.silence_us
            if deadline >= self.clock_us:
                heapq.heappush(self._deadlines, (deadline, asset))
                continue
            track.reset()
            self.silent.add(asset)
            heapq.heappush(self._departures, (self._departure_us(track), asset))
            found.append(AssetSilent(asset, track.heard_us, offset))
        return sorted(found, key=lambda silent: (silent.since_us, silent.asset))

    def _departed(self, offset: int) -> list[AssetGone]:
        """A silence that has ended since leaves a departure behind that is nobody's."""
        found = []
        while self._departures and self._departures[0][0] < self.clock_us:
            departure, asset = heapq.heappop(self._departures)
            if asset in self.silent and self._departure_us(self._tracks[asset]) == departure:
                self.silent.discard(asset)
                del self._tracks[asset]
                found.append(AssetGone(asset, departure, offset))
        return found

    def _departure_us(self, track: AssetTrack) -> int:
        return track.heard_us + self.silence_us + _GONE_AFTER_US

    def state(self, asset: str) -> TrackState:
        return self._tracks[asset].state()

    def rewind(self, position: int) -> int:
        """The oldest offset that a live window or an open row still needs; ``position`` when none does."""
        anchors = (track.anchor() for track in self._tracks.values())
        return min((anchor.offset for anchor in anchors if anchor is not None), default=position)

    def resume(self, states: dict[str, TrackState], clock_us: int, committed_offset: int) -> int:
        """Take up stored states; returns the offset to read again from, with :meth:`rebuild`."""
        for asset, state in states.items():
            track = self._tracks[asset] = AssetTrack(self._definition, self._shape)
            track.resume(state, committed_offset)
        anchors = [state.anchor for state in states.values() if state.anchor is not None]
        first = min(anchors, default=None)
        self.clock_us = clock_us if first is None else first.clock_us
        return committed_offset if first is None else first.offset

    def rebuild(self, reading: Reading, offset: int) -> None:
        """Read again a message that was dealt with before: fills windows, finds nothing."""
        track = self._tracks.get(reading.asset)
        if track is not None:
            track.push(reading.time_us, reading.values, offset, self.clock_us)
        self.clock_us = max(self.clock_us, reading.time_us)

    def went_live(self, states: dict[str, TrackState], silent: set[str]) -> None:
        """The rebuilding has reached the committed offset."""
        self.silent = set(silent)
        for asset, state in states.items():
            self._tracks[asset].went_live(state)
        self._deadlines = [
            (track.heard_us + self.silence_us, asset)
            for asset, track in self._tracks.items()
            if asset not in self.silent
        ]
        self._departures = [(self._departure_us(self._tracks[asset]), asset) for asset in self.silent]
        heapq.heapify(self._deadlines)
        heapq.heapify(self._departures)


def silence_limit_us(definition: StreamDefinition, shape: WindowShape) -> int:
    """An asset is silent once a whole window, its filling and the lateness have gone by without it."""
    rows = shape.rows + definition.staleness_rows
    return rows * definition.interval_us + definition.lateness_us
