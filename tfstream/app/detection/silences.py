"""Silences of assets and of single sensors: the events that open, change and close them."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
import numpy as np

from tfstream.app.detection.asset_update import AssetUpdate
from tfstream.core.alarms.episode import EpisodeEvent, close_episode
from tfstream.core.alarms.silence_events import close_silence, open_silence, silent_sensors, update_silence
from tfstream.core.messages.anomaly_event import EventType
from tfstream.core.reading import is_complete
from tfstream.core.state import AssetMemory
from tfstream.core.stream import StreamDefinition
from tfstream.core.windowing.asset_track import Window
from tfstream.core.windowing.partition_tracks import AssetForgotten, AssetReturned, AssetSilent
from tfstream.model.scoring.detector import Detector


class SensorSilences:
    """Which sensors of a window are missing, and which of them are silent."""

    def __init__(self, definition: StreamDefinition, detector: Detector) -> None:
        self._sensors, self._interval_us = definition.sensors, definition.interval_us
        self._staleness = definition.staleness_rows
        self._hop, self._limits = detector.hop_rows, detector.instruments
        self._live = np.asarray(detector.live)  # [sensors]: those with readings in training
        self._live_count = int(self._live.sum())

    def missing(self, window: Window) -> tuple[int, ...]:
        """The live sensors without a reading in the newest hop; filled cells are no readings."""
        if is_complete(window.values[-1]):
            return ()
        missing = np.isnan(window.values[-self._hop :]).all(axis=0) & self._live
        return tuple(np.flatnonzero(missing).tolist())

    def follow(
        self,
        memory: AssetMemory,
        asset: str,
        window: Window,
        missing: tuple[int, ...],
        last_values: Mapping[int, int],
    ) -> EpisodeEvent | None:
        """The event that opens, updates or closes the silence of single sensors.

        :param last_values: the last row with a value of each sensor that sends rarely.
        """
        if len(missing) == self._live_count:
            return None  # a gap of the whole asset: if it lasts, the partition's clock shows it
        names = tuple(
            self._sensors[sensor]
            for sensor in missing
            if self._is_silent(asset, sensor, window.end_index, last_values)
        )
        silence, sensors = memory.silence, silent_sensors(names)
        start_us = (window.end_index + 1 - self._hop) * self._interval_us
        if silence is None:
            return open_silence(start_us, window.last_offset, sensors) if sensors else None
        if not sensors:
            return close_silence(silence, start_us, window.last_offset)
        if sensors != silence.sensors:
            return update_silence(silence, window.last_offset, sensors)
        return None

    def _is_silent(self, asset: str, sensor: int, end_row: int, last_values: Mapping[int, int]) -> bool:
        """A sensor that sends rarely is silent once it has sent nothing for longer than it ever did."""
        if sensor not in last_values:
            return True
        rows = end_row - last_values[sensor] + self._staleness
        return rows > self._limits.silent_after_rows(asset, sensor)


def asset_silent(memory: AssetMemory, event: AssetSilent) -> AssetUpdate:
    """The silence opens; open episodes end with their last hop, and a pending one leaves no event."""
    episodes = (memory.episode, memory.instrument_episode)
    events = [close_episode(each) for each in episodes if each is not None and not each.pending]
    if memory.silence is None:
        events.append(open_silence(event.since_us, event.offset, ()))
    else:
        events.append(update_silence(memory.silence, event.offset, ()))
    after = msgspec.structs.replace(memory, episode=None, instrument_episode=None)
    return AssetUpdate(event.asset, with_silence(after, events[-1]), tuple(events))


def asset_returned(memory: AssetMemory, event: AssetReturned) -> AssetUpdate:
    """The asset's silence closes, if one is open."""
    if memory.silence is None:
        return AssetUpdate(event.asset, memory)
    closed = close_silence(memory.silence, event.time_us, event.offset)
    return AssetUpdate(event.asset, with_silence(memory, closed), (closed,))


def asset_forgotten(memory: AssetMemory, event: AssetForgotten) -> AssetUpdate:
    """Silence and standing alarms close: no later event could, because the asset is forgotten."""
    events = [close_episode(each) for each in memory.standing]
    if memory.silence is not None:
        events.append(close_silence(memory.silence, event.ended_us, event.offset))
    return AssetUpdate(event.asset, None, tuple(events))


def with_silence(memory: AssetMemory, event: EpisodeEvent) -> AssetMemory:
    """The memory after an event of its silence."""
    silence = None if event.event is EventType.CLOSED else event.episode
    return msgspec.structs.replace(memory, silence=silence)
