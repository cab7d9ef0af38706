"""Collects the alarms of one asset while its history is rescored."""

from __future__ import annotations

from tfstream.app.detection.asset_update import AssetUpdate
from tfstream.core.alarms.episode import Episode
from tfstream.core.alarms.raised_alarm import RaisedAlarm
from tfstream.core.messages.anomaly_event import EventKind


class AlarmCollector:
    """Receives an asset's updates in order; keeps its alarms and counts its scored hops.

    A silence is no alarm here.
    """

    def __init__(self) -> None:
        self.alarms: dict[int, RaisedAlarm] = {}  # by the episode's start
        self.scored_hops = 0
        self.open_start_us: int | None = None  # the start of the episode that is open after the last update

    def __call__(self, update: AssetUpdate) -> None:
        if update.window is not None and update.window.judgement is not None:
            self.scored_hops += 1
        for event in update.events:
            if event.episode.kind is not EventKind.SILENCE:
                self._follow(event.episode)
        episode = update.memory.episode if update.memory is not None else None
        self.open_start_us = None
        if episode is None or episode.pending:
            return
        self._follow(episode)
        self.open_start_us = episode.started_us

    def _follow(self, episode: Episode) -> None:
        known = self.alarms.get(episode.started_us)
        opened = episode if known is None else known.opened
        self.alarms[episode.started_us] = RaisedAlarm(episode, opened)
