"""Collects the alarms of one asset while its history is rescored."""

from __future__ import annotations

from tfstream.app.detection.episode_tracker import ScoredWindow
from tfstream.core.alarms.raised_alarm import RaisedAlarm


class AlarmCollector:
    """Receives an asset's scored windows; keeps its alarms and counts its scored hops."""

    def __init__(self) -> None:
        self.alarms: dict[int, RaisedAlarm] = {}  # by the episode's start
        self.scored_hops = 0
        self.open_start_us: int | None = None  # the start of the episode that is open after the last hop

    def __call__(self, hop: ScoredWindow) -> None:
        if hop.judgement is not None:
            self.scored_hops += 1
        episode = hop.after.episode
        self.open_start_us = None
        if episode is None or episode.pending:
            return
        known = self.alarms.get(episode.started_us)
        opened = episode if known is None else known.opened
        self.alarms[episode.started_us] = RaisedAlarm(episode, opened)
        self.open_start_us = episode.started_us
