"""An alarm's times as rows of the grid."""

from __future__ import annotations

import msgspec

from tfstream.core.alarms.episode import Episode
from tfstream.core.alarms.raised_alarm import RaisedAlarm
from tfstream.core.messages.anomaly_event import EventKind
from tfstream.core.quality.event_quality import Alarm
from tfstream.core.spans import Span


def test_the_times_of_an_alarm_become_rows() -> None:
    episode = Episode(
        kind=EventKind.PROCESS,
        started_us=800,
        last_us=2400,
        peak_us=1600,
        score=9.0,
        written_score=9.0,
        threshold=3.0,
        expected_per_week=0.1,
        extrapolated=False,
        sensors=(),
        sequence=1,
        first_offset=0,
        last_offset=0,
    )
    alarm = RaisedAlarm(episode, msgspec.structs.replace(episode, last_us=1600))
    assert alarm.in_rows(100) == Alarm(first=8, raised=16, stop=24)
    assert alarm.span == Span(800, 2400)
