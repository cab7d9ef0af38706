"""Collects the alarms of one asset while its history is scored."""

from __future__ import annotations

from tfstream.app.detection.asset_update import AssetUpdate
from tfstream.core.alarms.episode import Episode
from tfstream.core.alarms.raised_alarm import RaisedAlarm
from tfstream.core.messages.anomaly_event import EventKind
from tfstream.core.messages.witness import Witness

_Key = tuple[int, bool]  # what an episode's id consists of: its start, and whether instruments began it


class AlarmCollector:
    """Receives the updates of an asset in order; keeps its alarms and counts its scored hops.

    Silences are no alarms here.
    """

    def __init__(self) -> None:
        self._alarms: dict[_Key, RaisedAlarm] = {}
        self._open: set[_Key] = set()
        self.scored_hops = 0

    def __call__(self, update: AssetUpdate) -> None:
        if update.window is not None and update.window.judgement is not None:
            self.scored_hops += 1
        for event in update.events:
            if event.episode.kind is not EventKind.SILENCE:
                self._keep(event.episode)
        memory = update.memory
        episodes = () if memory is None else (memory.episode, *memory.standing, memory.instrument_episode)
        still_open = [each for each in episodes if each is not None and not each.pending]
        self._open = {_key(episode) for episode in still_open}
        for episode in still_open:
            self._keep(episode)

    @property
    def alarms(self) -> list[RaisedAlarm]:
        """The alarms in the order in which they were raised."""
        return list(self._alarms.values())

    def is_open(self, alarm: RaisedAlarm) -> bool:
        """Whether the episode is open after the last update."""
        return _key(alarm.episode) in self._open

    def _keep(self, episode: Episode) -> None:
        known = self._alarms.get(_key(episode))
        self._alarms[_key(episode)] = RaisedAlarm(episode, episode if known is None else known.opened)


def _key(episode: Episode) -> _Key:
    return episode.started_us, episode.witnesses[:1] == (Witness.INSTRUMENT,)
