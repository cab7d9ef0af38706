"""Episodes of silence: an asset or some of its sensors send no readings.

``core/windowing/partition_tracks.py`` decides when an asset is silent.
"""

from __future__ import annotations

import msgspec

from tfstream.core.alarms.episode import Episode, EpisodeEvent
from tfstream.core.messages.anomaly_event import EventKind, EventType, SensorShare


def open_silence(since_us: int, offset: int, sensors: tuple[SensorShare, ...]) -> EpisodeEvent:
    """Open an episode: the asset (no sensors named) or the named sensors are silent since ``since_us``."""
    episode = Episode(
        kind=EventKind.SILENCE,
        started_us=since_us,
        last_us=since_us,
        peak_us=since_us,
        score=0.0,
        written_score=0.0,
        threshold=0.0,
        expected_per_week=0.0,
        extrapolated=False,
        sensors=sensors,
        sequence=1,
        first_offset=offset,
        last_offset=offset,
        witness=None,
        witnesses=(),
    )
    return EpisodeEvent(EventType.OPENED, episode)


def update_silence(episode: Episode, offset: int, sensors: tuple[SensorShare, ...]) -> EpisodeEvent:
    """Name the sensors that are silent now."""
    changed = msgspec.structs.replace(
        episode, sensors=sensors, sequence=episode.sequence + 1, last_offset=max(episode.last_offset, offset)
    )
    return EpisodeEvent(EventType.UPDATED, changed)


def close_silence(episode: Episode, ended_us: int, offset: int) -> EpisodeEvent:
    """Close the episode: everything that was silent reports again, or the asset is forgotten."""
    ended = msgspec.structs.replace(
        episode,
        ended_us=ended_us,
        last_us=ended_us,
        sequence=episode.sequence + 1,
        last_offset=max(episode.last_offset, offset),
    )
    return EpisodeEvent(EventType.CLOSED, ended)


def silent_sensors(names: tuple[str, ...]) -> tuple[SensorShare, ...]:
    """The sensors of a silence, without values and shares."""
    return tuple(SensorShare(name=name, share=0.0, actual=None, expected=None) for name in names)
