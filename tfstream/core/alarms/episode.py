"""The episode of an anomaly: opened once, updated while it grows, closed once.

The comparison of a score with the threshold is in ``judgement.py``.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from tfstream.core.alarms.judgement import Judgement
from tfstream.core.alarms.sensor_shares import merge_hop
from tfstream.core.messages.anomaly_event import EventKind, EventType, SensorShare
from tfstream.core.messages.witness import Witness

UPDATE_GROWTH = 1.2  # a severity that has risen by a fifth since the last event is worth an update
_LONE_SENSOR_SHARE = 0.8
MAIN_SENSOR_SHARE = 0.2
_MOST_COOLDOWNS = 3
_UNBROKEN = 4  # a scale has at least four rows of its grid, and the grid has a value for each of its rows


class Observation(NamedTuple):
    """Judged rows of an asset: their span, their judgement, and the offsets of their readings.

    ``scale_us`` is the time that the judgement's witness looks at.
    """

    start_us: int
    end_us: int
    judgement: Judgement
    scale_us: int
    first_offset: int
    last_offset: int


class EpisodeName(msgspec.Struct, frozen=True):
    """What an episode's id consists of, beside its asset."""

    kind: EventKind
    started_us: int
    first_witness: Witness | None


class Episode(msgspec.Struct, frozen=True, kw_only=True):
    """A pending, open or just closed episode. A change makes a new value.

    ``sequence`` counts the events that were written for it: none while it is pending. ``score``,
    ``threshold``, ``expected_per_week``, ``witness``, ``scale_s`` and ``reason`` are those of its peak: the
    hop that normal data reach least often. ``witnesses`` have reached their thresholds during the episode,
    the first of them first. A silence has no witness.
    """

    kind: EventKind
    started_us: int
    last_us: int  # the end of the last hop that kept it open
    peak_us: int
    score: float
    written_score: float = msgspec.field(name="told_score")  # of the last event that was written
    threshold: float
    expected_per_week: float
    extrapolated: bool
    sensors: tuple[SensorShare, ...]
    sequence: int
    first_offset: int
    last_offset: int
    ended_us: int | None = None
    written_threshold: float | None = None  # of the last event; None in states of older versions
    witness: Witness | None = Witness.SCORE
    witnesses: tuple[Witness, ...] = (Witness.SCORE,)
    scale_s: float | None = None
    reason: str | None = None
    shortest_scale_us: int = 0  # of the witnesses that exceeded their thresholds
    unbroken_us: int = 0  # until then the next row over a threshold continues it while it is pending
    standing_us: int | None = None  # since when its shift is accepted: it stays, and hides no other alarm
    within: EpisodeName | None = None  # the standing alarm that it lies in

    @property
    def main_sensors(self) -> tuple[str, ...]:
        """The sensors that have a large share of it."""
        return tuple(sensor.name for sensor in self.sensors if sensor.share >= MAIN_SENSOR_SHARE)

    @property
    def pending(self) -> bool:
        """Whether its score has not yet stood over the threshold long enough for an event."""
        return self.sequence == 0

    @property
    def name(self) -> EpisodeName:
        """What its id consists of."""
        return EpisodeName(self.kind, self.started_us, next(iter(self.witnesses), None))

    @property
    def severity(self) -> float:
        """The score in units of its threshold: comparable between witnesses."""
        return self.score / self.threshold

    @property
    def written_severity(self) -> float:
        """The severity of the last event that was written."""
        return self.written_score / (self.written_threshold or self.threshold)


class EpisodeEvent(NamedTuple):
    """An event to write, and the episode after it."""

    event: EventType
    episode: Episode


EpisodeEvents = tuple[EpisodeEvent, ...]


def kind_of(sensors: tuple[SensorShare, ...]) -> EventKind:
    """An instrument fault shows in one sensor while the others agree with each other."""
    lone = sensors and sensors[0].share >= _LONE_SENSOR_SHARE
    return EventKind.INSTRUMENT if lone else EventKind.PROCESS


def start_episode(
    pending: Episode | None, hop: Observation, sensors: tuple[SensorShare, ...], min_duration_us: int
) -> tuple[Episode, EpisodeEvents]:
    """The episode after a hop over the threshold while none is open.

    It is pending until unbroken hops have lasted for ``min_duration_us``. A witness of a coarse grid has a
    value for every row of the grid only: a quarter of the time that it looks at breaks nothing.
    """
    if pending is None or pending.unbroken_us < hop.start_us:
        episode = first_hop(hop, sensors)
    else:
        episode = extended(pending, hop, sensors)
    if hop.end_us - episode.started_us < min_duration_us:
        return episode, ()
    opened = written(episode)
    return opened, (EpisodeEvent(EventType.OPENED, opened),)


def still_pending(pending: Episode | None, hop: Observation, min_duration_us: int) -> Episode | None:
    """The pending episode after a hop below the threshold; None once it has been quiet for too long.

    A witness of a coarse grid says nothing in most hops, and what it says again later is no new alarm.
    Without the pending episode its alarm would never be raised.
    """
    if pending is None or hop.end_us >= pending.unbroken_us + pending.shortest_scale_us + min_duration_us:
        return None
    return pending


def written(episode: Episode) -> Episode:
    """The episode with an event for its present peak."""
    return msgspec.structs.replace(
        episode,
        sequence=episode.sequence + 1,
        written_score=episode.score,
        written_threshold=episode.threshold,
    )


def first_hop(hop: Observation, sensors: tuple[SensorShare, ...]) -> Episode:
    """A pending episode that begins with this hop."""
    judgement = hop.judgement
    return Episode(
        kind=kind_of(sensors),
        started_us=hop.start_us,
        last_us=hop.end_us,
        peak_us=hop.end_us,
        score=judgement.value,
        written_score=judgement.value,
        threshold=judgement.threshold,
        expected_per_week=judgement.expected_per_week,
        extrapolated=judgement.extrapolated,
        sensors=sensors,
        sequence=0,
        first_offset=hop.first_offset,
        last_offset=hop.last_offset,
        written_threshold=judgement.threshold,
        witness=judgement.witness,
        witnesses=(judgement.witness,),
        scale_s=judgement.scale_s,
        reason=judgement.reason,
        shortest_scale_us=hop.scale_us,
        unbroken_us=hop.end_us + hop.scale_us // _UNBROKEN,
    )


def closing_quiet_us(episode: Episode, cooldown_us: int) -> int:
    """Quiet time that closes an episode: half its length, between one and three cooldowns.

    It is never shorter than the time that its witnesses look at.
    """
    half = min((episode.last_us - episode.started_us) // 2, _MOST_COOLDOWNS * cooldown_us)
    return max(cooldown_us, half, episode.shortest_scale_us)


def kept_open(episode: Episode, hop: Observation) -> Episode:
    """The episode with one more hop that keeps it open and changes neither its sensors nor its peak."""
    return msgspec.structs.replace(
        episode, last_us=hop.end_us, last_offset=max(episode.last_offset, hop.last_offset)
    )


def extended(episode: Episode, hop: Observation, sensors: tuple[SensorShare, ...]) -> Episode:
    """With one more hop that keeps it open, adds to its sensors' shares and may raise its peak."""
    hop_number = max((hop.start_us - episode.started_us) // (hop.end_us - hop.start_us) + 1, 1)
    shares = merge_hop(episode.sensors, sensors, hop_number)
    judgement = hop.judgement
    longer = msgspec.structs.replace(
        kept_open(episode, hop),
        kind=kind_of(shares),
        sensors=shares,
        witnesses=with_witness(episode.witnesses, judgement),
        shortest_scale_us=_shortest_scale_us(episode, hop),
        unbroken_us=max(episode.unbroken_us, hop.end_us + hop.scale_us // _UNBROKEN),
    )
    return with_peak(longer, hop) if _is_rarer(judgement, episode) else longer


def with_peak(episode: Episode, hop: Observation) -> Episode:
    """The episode with this hop as its peak."""
    judgement = hop.judgement
    return msgspec.structs.replace(
        episode,
        peak_us=hop.end_us,
        score=judgement.value,
        threshold=judgement.threshold,
        expected_per_week=judgement.expected_per_week,
        extrapolated=judgement.extrapolated,
        witness=judgement.witness,
        scale_s=judgement.scale_s,
        reason=judgement.reason,
    )


def _shortest_scale_us(episode: Episode, hop: Observation) -> int:
    shortest = episode.shortest_scale_us
    return min(shortest, hop.scale_us) if hop.judgement.exceeds else shortest


def with_witness(witnesses: tuple[Witness, ...], judgement: Judgement) -> tuple[Witness, ...]:
    """The episode's witnesses after a hop; a witness counts once it has reached its threshold."""
    new = judgement.exceeds and judgement.witness not in witnesses
    return (*witnesses, judgement.witness) if new else witnesses


def _is_rarer(judgement: Judgement, episode: Episode) -> bool:
    """Whether normal data reach the hop less often than the episode's peak.

    Beyond a bounded tail both are 0 times a week; the larger severity decides then.
    """
    if judgement.expected_per_week != episode.expected_per_week:
        return judgement.expected_per_week < episode.expected_per_week
    return judgement.severity > episode.severity


def close_episode(episode: Episode) -> EpisodeEvent:
    """An episode ends with the last hop that kept it open, not when the end was noticed."""
    ended = msgspec.structs.replace(episode, ended_us=episode.last_us, sequence=episode.sequence + 1)
    return EpisodeEvent(EventType.CLOSED, ended)
