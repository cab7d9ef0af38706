"""The episode of instruments that are out, beside the episode of the process.

A sensor that is out is left out of the score and of the witnesses. So its alarm cannot stand in the way of
an alarm of the process: each has an episode of its own. An episode that the score or a witness began because
of a sensor that turns out to be stuck becomes the episode of the instruments.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

import msgspec

from tfstream.core.alarms.episode import (
    UPDATE_GROWTH,
    Episode,
    EpisodeEvent,
    Observation,
    close_episode,
    closing_quiet_us,
    first_hop,
    kept_open,
    with_peak,
    with_witness,
    written,
)
from tfstream.core.messages.anomaly_event import EventKind, EventType, SensorShare, rounded

_MOST_SENSORS = 10


class InstrumentChange(NamedTuple):
    """The episodes of the process and of the instruments after a window, and the event to write."""

    process: Episode | None
    instruments: Episode | None
    event: EpisodeEvent | None = None


def follow_instruments(
    process: Episode | None,
    instruments: Episode | None,
    hop: Observation,
    sensors: Sequence[SensorShare],
    out: Collection[str],
    cooldown_us: int,
) -> InstrumentChange:
    """Open, extend or close the episode of instruments.

    :param hop: exceeds its threshold where a sensor is out in the newest rows.
    :param sensors: the sensors that are out in the newest rows.
    :param out: all sensors that are left out of the score, also those that were out shortly before.
    """
    if not hop.judgement.exceeds:
        return InstrumentChange(process, *_closed_if_quiet(instruments, hop, cooldown_us))
    if instruments is not None:
        return InstrumentChange(process, *_extended(instruments, hop, sensors))
    if process is not None and process.main_sensors and set(process.main_sensors) <= set(out):
        return InstrumentChange(None, *_taken_over(process, hop, sensors))
    opened = written(_as_instruments(first_hop(hop, ()), (), sensors))
    return InstrumentChange(process, opened, EpisodeEvent(EventType.OPENED, opened))


def _closed_if_quiet(
    episode: Episode | None, hop: Observation, cooldown_us: int
) -> tuple[Episode | None, EpisodeEvent | None]:
    if episode is None or hop.end_us - episode.last_us < closing_quiet_us(episode, cooldown_us):
        return episode, None
    return None, close_episode(episode)


def _taken_over(
    process: Episode, hop: Observation, sensors: Sequence[SensorShare]
) -> tuple[Episode, EpisodeEvent]:
    """The episode of the process as the episode of the instruments; its peak is what was seen now."""
    kind = EventType.OPENED if process.pending else EventType.UPDATED
    taken = written(_as_instruments(with_peak(kept_open(process, hop), hop), (), sensors))
    taken = msgspec.structs.replace(taken, witnesses=with_witness(process.witnesses, hop.judgement))
    return taken, EpisodeEvent(kind, taken)


def _extended(
    episode: Episode, hop: Observation, sensors: Sequence[SensorShare]
) -> tuple[Episode, EpisodeEvent | None]:
    """The episode after one more hop; a further sensor, or a severity risen by a fifth, is written."""
    extended = _as_instruments(kept_open(episode, hop), episode.sensors, sensors)
    if hop.judgement.severity > episode.severity:
        extended = with_peak(extended, hop)
    more = len(extended.sensors) > len(episode.sensors)
    if not more and extended.severity < episode.written_severity * UPDATE_GROWTH:
        return extended, None
    extended = written(extended)
    return extended, EpisodeEvent(EventType.UPDATED, extended)


def _as_instruments(
    episode: Episode, before: Sequence[SensorShare], sensors: Sequence[SensorShare]
) -> Episode:
    """An episode of these sensors, the first that was out first; all have the same share."""
    newest = {sensor.name: sensor for sensor in before} | {sensor.name: sensor for sensor in sensors}
    named = tuple(newest.values())[:_MOST_SENSORS]
    shared = tuple(
        msgspec.structs.replace(sensor, share=rounded(1 / len(named)), evidence=1.0) for sensor in named
    )
    return msgspec.structs.replace(episode, kind=EventKind.INSTRUMENT, sensors=shared)
