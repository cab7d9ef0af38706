"""An alarm of a whole series or of a backtest: its episode when the alarm was raised, and in the end."""

from __future__ import annotations

from typing import NamedTuple

from tfstream.core.alarms.episode import Episode
from tfstream.core.quality.event_quality import Alarm
from tfstream.core.spans import Span


class RaisedAlarm(NamedTuple):
    """An episode in its last state, and ``opened``, its state when the alarm was raised."""

    episode: Episode
    opened: Episode

    @property
    def raised_us(self) -> int:
        """The end of the hop that raised the alarm."""
        return self.opened.last_us

    @property
    def span(self) -> Span:
        """From the first row of the episode to the end of the last hop that kept it open."""
        return Span(self.episode.started_us, self.episode.last_us)

    def in_rows(self, interval_us: int) -> Alarm:
        """The alarm's times as rows of the grid."""
        times_us = (self.episode.started_us, self.raised_us, self.episode.last_us)
        return Alarm(*(time_us // interval_us for time_us in times_us))
