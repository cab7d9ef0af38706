"""From single judgements to episodes: one anomaly, opened once, updated while it grows, closed once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import msgspec

from tfstream.core.alarms.sensor_shares import joined
from tfstream.core.messages.anomaly_event import EventKind, EventType, SensorShare

_GREW_BY = 1.2  # an update is worth telling when the peak rises by a fifth
_LONE_SENSOR_SHARE = 0.8
_GUILTY_SHARE = 0.2
_MOST_COOLDOWNS = 3


class HopEvidence(Protocol):
    """What a hop's window says beyond its score. Both take a while, and are asked of open episodes alone."""

    def sensors(self) -> tuple[SensorShare, ...]:
        """Who is to blame for its score."""

    def departs(self, sensors: Sequence[str]) -> bool:
        """Whether one of these has a level that the others do not agree with."""


class NoEvidence:
    """Testimony of a score alone: nobody is to blame, and nothing outlasts it."""

    def sensors(self) -> tuple[SensorShare, ...]:
        return ()

    def departs(self, sensors: Sequence[str]) -> bool:
        return False


class Observation(NamedTuple):
    """One scored hop of an asset, as an episode sees it.

    ``hold`` is the lower level that keeps an open episode open (hysteresis).
    """

    start_us: int
    end_us: int
    score: float
    threshold: float
    hold: float
    expected_per_week: float
    extrapolated: bool
    first_offset: int
    last_offset: int


class Episode(msgspec.Struct, frozen=True, kw_only=True):
    """A pending, open or just closed episode; a value that changes only by being replaced.

    ``sequence`` counts its events: none has been told of a pending one.
    """

    kind: EventKind
    started_us: int
    last_us: int  # the end of the last hop that kept it open
    peak_us: int
    score: float
    told_score: float  # the score of the last event that was written
    threshold: float
    expected_per_week: float
    extrapolated: bool
    sensors: tuple[SensorShare, ...]
    sequence: int
    first_offset: int
    last_offset: int
    ended_us: int | None = None

    @property
    def guilty(self) -> tuple[str, ...]:
        """The sensors that much of it is put down to."""
        return tuple(one.name for one in self.sensors if one.share >= _GUILTY_SHARE)

    @property
    def pending(self) -> bool:
        """Whether it has not stood over the threshold long enough to be told."""
        return self.sequence == 0


class EpisodeEvent(NamedTuple):
    """An event to be written, and the episode as it stands then."""

    event: EventType
    episode: Episode


def kind_of(sensors: tuple[SensorShare, ...]) -> EventKind:
    """An instrument fault shows in one sensor while the others agree with each other."""
    lone = sensors and sensors[0].share >= _LONE_SENSOR_SHARE
    return EventKind.INSTRUMENT if lone else EventKind.PROCESS


def exceed(
    pending: Episode | None, seen: Observation, sensors: tuple[SensorShare, ...], min_duration_us: int
) -> tuple[Episode, EpisodeEvent | None]:
    """A hop over the threshold while no episode is open: pending until unbroken hops last long enough."""
    if pending is None or pending.last_us != seen.start_us:
        episode = _begun(seen, sensors)
    else:
        episode = _grown(pending, seen, sensors)
    if seen.end_us - episode.started_us < min_duration_us:
        return episode, None
    opened = msgspec.structs.replace(episode, sequence=1, told_score=episode.score)
    return opened, EpisodeEvent(EventType.OPENED, opened)


def _begun(seen: Observation, sensors: tuple[SensorShare, ...]) -> Episode:
    """The first hop over the threshold."""
    return Episode(
        kind=kind_of(sensors),
        started_us=seen.start_us,
        last_us=seen.end_us,
        peak_us=seen.end_us,
        score=seen.score,
        told_score=seen.score,
        threshold=seen.threshold,
        expected_per_week=seen.expected_per_week,
        extrapolated=seen.extrapolated,
        sensors=sensors,
        sequence=0,
        first_offset=seen.first_offset,
        last_offset=seen.last_offset,
    )


def go_on(
    episode: Episode, seen: Observation, hop: HopEvidence, cooldown_us: int
) -> tuple[Episode | None, EpisodeEvent | None]:
    """One more hop of an open episode: the episode as it goes on, None once closed, and what to tell.

    A fault that the score has grown used to is not over while a guilty sensor still departs from the others.
    """
    if seen.score < seen.hold:
        if hop.departs(episode.guilty):
            return _lasting(episode, seen), None
        if seen.end_us - episode.last_us < _patience_us(episode, cooldown_us):
            return episode, None
        return None, close(episode)
    grown = _grown(episode, seen, hop.sensors())
    if grown.score == episode.score or grown.score < episode.told_score * _GREW_BY:
        return grown, None
    grown = msgspec.structs.replace(grown, sequence=episode.sequence + 1, told_score=grown.score)
    return grown, EpisodeEvent(EventType.UPDATED, grown)


def _patience_us(episode: Episode, cooldown_us: int) -> int:
    """How long a calm must be to end it: what has lasted for hours is not over after a quiet one."""
    return max(cooldown_us, min((episode.last_us - episode.started_us) // 2, _MOST_COOLDOWNS * cooldown_us))


def _lasting(episode: Episode, seen: Observation) -> Episode:
    """One more hop that keeps it open, and says nothing new."""
    return msgspec.structs.replace(
        episode, last_us=seen.end_us, last_offset=max(episode.last_offset, seen.last_offset)
    )


def _grown(episode: Episode, seen: Observation, sensors: tuple[SensorShare, ...]) -> Episode:
    """One more hop that keeps it: who is to blame, and its peak."""
    place = (seen.start_us - episode.started_us) // (seen.end_us - seen.start_us) + 1
    blamed = joined(episode.sensors, sensors, place)
    grown = msgspec.structs.replace(
        episode,
        kind=kind_of(blamed),
        sensors=blamed,
        last_us=seen.end_us,
        last_offset=max(episode.last_offset, seen.last_offset),
    )
    if seen.score <= episode.score:
        return grown
    return msgspec.structs.replace(
        grown,
        peak_us=seen.end_us,
        score=seen.score,
        threshold=seen.threshold,
        expected_per_week=seen.expected_per_week,
        extrapolated=seen.extrapolated,
    )


def close(episode: Episode) -> EpisodeEvent:
    """An episode ends with the last hop that kept it open, not when its end was noticed."""
    ended = msgspec.structs.replace(episode, ended_us=episode.last_us, sequence=episode.sequence + 1)
    return EpisodeEvent(EventType.CLOSED, ended)


def open_silence(since_us: int, offset: int, sensors: tuple[SensorShare, ...]) -> EpisodeEvent:
    """An asset (no sensors named) or some of its sensors stopped reporting at ``since_us``."""
    episode = Episode(
        kind=EventKind.SILENCE,
        started_us=since_us,
        last_us=since_us,
        peak_us=since_us,
        score=0.0,
        told_score=0.0,
        threshold=0.0,
        expected_per_week=0.0,
        extrapolated=False,
        sensors=sensors,
        sequence=1,
        first_offset=offset,
        last_offset=offset,
    )
    return EpisodeEvent(EventType.OPENED, episode)


def update_silence(episode: Episode, offset: int, sensors: tuple[SensorShare, ...]) -> EpisodeEvent:
    """Other sensors are silent than before."""
    changed = msgspec.structs.replace(
        episode, sensors=sensors, sequence=episode.sequence + 1, last_offset=max(episode.last_offset, offset)
    )
    return EpisodeEvent(EventType.UPDATED, changed)


def close_silence(episode: Episode, ended_us: int, offset: int) -> EpisodeEvent:
    """Everything that was silent reports again."""
    ended = msgspec.structs.replace(
        episode,
        ended_us=ended_us,
        last_us=ended_us,
        sequence=episode.sequence + 1,
        last_offset=max(episode.last_offset, offset),
    )
    return EpisodeEvent(EventType.CLOSED, ended)
