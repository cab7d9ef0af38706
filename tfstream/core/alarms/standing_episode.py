"""An alarm whose shift stays: it stands without a word, and what happens within it is an alarm of its own."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from tfstream.core.alarms.episode import Episode, EpisodeEvent, EpisodeEvents, close_episode, written
from tfstream.core.messages.anomaly_event import EventType

_MOST_STANDING = 4


class Staying(NamedTuple):
    """What the witnesses say about values that stay: ``away`` while a shift stands or values stay high.

    ``accepted``: something has stayed for so long that it is accepted now. ``returning``: a shift goes home.
    """

    accepted: bool = False
    away: bool = False
    returning: bool = False


NOTHING_STAYS = Staying()


class StandingChange(NamedTuple):
    """The open or pending episode and the standing ones after a window, and the events to write."""

    episode: Episode | None
    standing: tuple[Episode, ...]
    events: EpisodeEvents = ()


def begin_to_stand(episode: Episode | None, standing: tuple[Episode, ...], now_us: int) -> StandingChange:
    """The open episode stands from now on; a pending episode has raised no alarm that could stand.

    With too many standing ones the newest of them ends: what it stands for is part of the new one.
    """
    if episode is None or episode.pending:
        return StandingChange(None, standing)
    events: EpisodeEvents = ()
    if len(standing) == _MOST_STANDING:
        *kept, newest = standing
        standing, events = tuple(kept), (close_episode(newest),)
    stands = written(msgspec.structs.replace(episode, standing_us=now_us))
    return StandingChange(None, (*standing, stands), (*events, EpisodeEvent(EventType.UPDATED, stands)))


def keep_standing(
    episode: Episode | None, standing: tuple[Episode, ...], now_us: int, *, away: bool
) -> StandingChange:
    """The standing episodes go on while something is ``away`` from usual; else all of them end now."""
    if away:
        return StandingChange(episode, tuple(_until(each, now_us) for each in standing))
    return StandingChange(episode, (), tuple(close_episode(each) for each in standing))


def begun_within(events: EpisodeEvents, standing: tuple[Episode, ...]) -> EpisodeEvents:
    """The events of a window; an alarm that opens names the newest alarm that stands."""
    if not standing:
        return events
    name = standing[-1].name
    return tuple(
        event._replace(episode=msgspec.structs.replace(event.episode, within=name))
        if event.event is EventType.OPENED
        else event
        for event in events
    )


def _until(episode: Episode, now_us: int) -> Episode:
    return msgspec.structs.replace(episode, last_us=now_us)
