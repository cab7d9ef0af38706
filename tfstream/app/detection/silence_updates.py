"""What the silence, the return and the end of an asset change in its memory."""

from __future__ import annotations

import msgspec

from tfstream.app.detection.asset_update import AssetUpdate
from tfstream.core.alarms.episode import EpisodeEvent, close_episode
from tfstream.core.alarms.silence_events import close_silence, open_silence, update_silence
from tfstream.core.messages.anomaly_event import EventType
from tfstream.core.state import AssetMemory
from tfstream.core.windowing.partition_tracks import AssetForgotten, AssetReturned, AssetSilent


def asset_silent(memory: AssetMemory, event: AssetSilent) -> AssetUpdate:
    """The silence opens; an open episode ends with its last hop, and a pending one leaves no event."""
    events = []
    if memory.episode is not None and not memory.episode.pending:
        events.append(close_episode(memory.episode))
    if memory.silence is None:
        events.append(open_silence(event.since_us, event.offset, ()))
    else:
        events.append(update_silence(memory.silence, event.offset, ()))
    after = with_silence(msgspec.structs.replace(memory, episode=None), events[-1])
    return AssetUpdate(event.asset, after, tuple(events))


def asset_returned(memory: AssetMemory, event: AssetReturned) -> AssetUpdate:
    """The silence closes."""
    if memory.silence is None:
        return AssetUpdate(event.asset, memory)
    closed = close_silence(memory.silence, event.time_us, event.offset)
    return AssetUpdate(event.asset, with_silence(memory, closed), (closed,))


def asset_forgotten(memory: AssetMemory, event: AssetForgotten) -> AssetUpdate:
    """The silence closes: no later event could close it, because the asset is forgotten."""
    if memory.silence is None:
        return AssetUpdate(event.asset, None)
    return AssetUpdate(event.asset, None, (close_silence(memory.silence, event.ended_us, event.offset),))


def with_silence(memory: AssetMemory, event: EpisodeEvent) -> AssetMemory:
    """The memory after an event of a silence."""
    silence = None if event.event is EventType.CLOSED else event.episode
    return msgspec.structs.replace(memory, silence=silence)
