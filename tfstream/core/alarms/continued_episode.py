"""Whether judged rows continue an open episode, end it, or begin the episode of another fault."""

from __future__ import annotations

from collections.abc import Sequence

from tfstream.core.alarms.episode import (
    UPDATE_GROWTH,
    Episode,
    EpisodeEvent,
    EpisodeEvents,
    Observation,
    close_episode,
    closing_quiet_us,
    extended,
    kept_open,
    start_episode,
    written,
)
from tfstream.core.alarms.hop_evidence import HopEvidence
from tfstream.core.messages.anomaly_event import EventType, SensorShare

_LONGEST_SCALE = 4  # times the shortest scale of an episode


def continue_episode(
    episode: Episode, hop: Observation, evidence: HopEvidence, cooldown_us: int, min_duration_us: int
) -> tuple[Episode | None, EpisodeEvents]:
    """An open episode after one more hop, None once it is closed, and the events to write.

    A long fault may become part of what the score compares with, so that the score falls. Such an episode
    stays open while the level of a main sensor still disagrees with the other sensors.
    """
    sensors = _continuing_sensors(episode, hop, evidence)
    if sensors is None:
        if evidence.departs(episode.main_sensors):
            return kept_open(episode, hop), ()
        if hop.end_us - episode.last_us < closing_quiet_us(episode, cooldown_us):
            return episode, ()
        return None, (close_episode(episode),)
    if _is_another_fault(episode, hop, sensors):
        following, events = start_episode(None, hop, sensors, min_duration_us)
        return following, (close_episode(episode), *events)
    longer = extended(episode, hop, sensors)
    new_peak = longer.peak_us != episode.peak_us
    grown = new_peak and longer.severity >= episode.written_severity * UPDATE_GROWTH
    if not grown and longer.witnesses == episode.witnesses:
        return longer, ()
    longer = written(longer)
    return longer, (EpisodeEvent(EventType.UPDATED, longer),)


def _continuing_sensors(
    episode: Episode, hop: Observation, evidence: HopEvidence
) -> tuple[SensorShare, ...] | None:
    """The sensors of judged rows that continue the episode; None where these rows do not.

    They do where a witness exceeds its threshold anew. Otherwise the witness must speak of the episode's main
    sensors, and look at no much longer time than the witnesses that raised the alarm: at a longer time scale
    a large fault shows for hours after its end.
    """
    judgement = hop.judgement
    if not judgement.keeps_open:
        return None
    if judgement.opens:
        return evidence.sensors()
    if hop.scale_us > _LONGEST_SCALE * episode.shortest_scale_us:
        return None
    sensors = evidence.sensors()
    named = {sensor.name for sensor in sensors}
    return sensors if not named or not named.isdisjoint(episode.main_sensors) else None


def _is_another_fault(episode: Episode, hop: Observation, sensors: Sequence[SensorShare]) -> bool:
    """Whether a hop over the threshold belongs to a fault of other sensors, after the episode went quiet.

    Such a hop closes the episode and begins the next one. Otherwise faults that follow each other would
    become one endless alarm.
    """
    if not hop.judgement.opens or hop.start_us - episode.last_us < episode.shortest_scale_us:
        return False
    named = {sensor.name for sensor in sensors}
    return bool(named) and named.isdisjoint(episode.main_sensors)
