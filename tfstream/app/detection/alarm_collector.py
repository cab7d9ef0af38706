"""Collects the alarms of one asset while its history is rescored."""

from __future__ import annotations

from tfstream.app.detection.episode_tracker import ScoredWindow
from tfstream.core.alarms.raised_alarm import RaisedAlarm


class AlarmCollector:
    """Receives an asset's scored windows; keeps its alarms and counts its scored hops."""

    def __init__(self, interval_us: int) -> None:
        self._interval_us = interval_us
        self.alarms: dict[int, RaisedAlarm] = {}  # by the episode's start
        self.scored_hops = 0
        self.open_start_us: int | None = None  # the start of the episode that is open after the last hop

    def __call__(self, hop: ScoredWindow) -> None:
        end_us = hop.window.end_us(self._interval_us)
        if hop.judgement is not None:
            self.scored_hops += 1
        episode = hop.after.episode
        self.open_start_us = None
        if episode is None or episode.pending:
            return
        known = self.alarms.get(episode.started_us)
        raised_us = end_us if known is None else known.raised_us
        self.alarms[episode.started_us] = RaisedAlarm(episode, raised_us)
        self.open_start_us = episode.started_us
