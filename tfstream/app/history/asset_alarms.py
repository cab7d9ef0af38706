"""An asset's alarms in a backtest, matched with its events and its exclusions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tfstream.app.detection.alarm_collector import AlarmCollector
from tfstream.app.detection.alarm_sentence import AlarmSentences
from tfstream.app.detection.champion import Champion
from tfstream.app.history.hidden_alarms import is_hidden
from tfstream.core.alarms.raised_alarm import RaisedAlarm
from tfstream.core.learning.exclusion import Exclusion
from tfstream.core.quality.event_quality import matched_events
from tfstream.core.quality.ranges import Ranges
from tfstream.core.spans import Span
from tfstream.core.stream import WEEK_US, StreamDefinition


class AssetAlarms:
    """``alarms``, and for each of them ``owners`` (the index of its event or None) and ``hidden``.

    ``sentences`` say what was seen when they were raised.
    """

    def __init__(
        self,
        definition: StreamDefinition,
        champion: Champion,
        asset: str,
        collector: AlarmCollector,
        events: Sequence[Span],
        exclusions: Sequence[Exclusion],
    ) -> None:
        self.asset, self.events = asset, events
        self.budget = definition.budget_of(asset)
        self.sentences = AlarmSentences.of_stream(definition, champion.detector)
        self._interval_us = definition.interval_us
        hop_us = champion.detector.hop_rows * definition.interval_us
        window_us = champion.detector.window_rows * definition.interval_us
        self.is_open = collector.is_open
        self.alarms = collector.alarms
        self.hidden = [
            is_hidden(
                asset, alarm.span, alarm.episode.sensors, exclusions, hop_us=hop_us, window_us=window_us
            )
            for alarm in self.alarms
        ]
        self.owners = matched_events(
            [alarm.in_rows(self._interval_us) for alarm in self.alarms], self._event_rows()
        )
        self.weeks = collector.scored_hops * hop_us / WEEK_US

    def _event_rows(self) -> Ranges:
        first = [span.start_us // self._interval_us for span in self.events]
        stop = [-(-span.end_us // self._interval_us) for span in self.events]
        return Ranges(np.array(first, dtype=np.int64), np.array(stop, dtype=np.int64))

    def first_alarm(self, event: int) -> RaisedAlarm | None:
        """The earliest alarm of the event with this index; None for a missed event."""
        of_event = [alarm for alarm, owner in zip(self.alarms, self.owners, strict=True) if owner == event]
        return min(of_event, key=lambda alarm: alarm.raised_us, default=None)

    @property
    def shown(self) -> int:
        """The number of alarms that no exclusion hides."""
        return len(self.alarms) - sum(self.hidden)

    @property
    def detected(self) -> int:
        """The number of events with an alarm."""
        return len({owner for owner in self.owners if owner is not None})

    @property
    def false_alarms(self) -> int:
        """The number of shown alarms without an event."""
        pairs = zip(self.owners, self.hidden, strict=True)
        return sum(owner is None and not hidden for owner, hidden in pairs)
