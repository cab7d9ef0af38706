"""``tfstream replay``: sends the readings of a file to a Kafka topic, at the pace of their timestamps."""

from __future__ import annotations

import time
from collections.abc import Callable

from tfstream.app.files.sensor_table import SensorTable
from tfstream.app.files.stream_values import stream_values
from tfstream.core.messages.encode import encode
from tfstream.core.reading import Reading
from tfstream.core.stream import StreamDefinition, TimeUnit
from tfstream.streaming.connection.properties import Properties
from tfstream.streaming.producer.topic_sender import TopicSender
from tfstream.streaming.topics import ensure_topic

_REPORT_EVERY = 200  # rows
_POLL_S = 0.1


def replay(
    properties: Properties,
    table: SensorTable,
    definition: StreamDefinition,
    *,
    speed: float | None = None,
    partitions: int = 3,
    progress: Callable[[float], None] = lambda done: None,
    stop: Callable[[], bool] = lambda: False,
) -> int:
    """Send a table in the order of time, keyed by asset; returns the number of delivered messages.

    :param speed: a multiple of real time; None sends as fast as the broker accepts messages.
    :param progress: gets the sent share of the table, from 0 to 1.
    :raises TfstreamError: when a message cannot be delivered.
    """
    ordered = table.in_order_of_time()
    values = stream_values(ordered, definition)
    ensure_topic(properties, definition.topic, partitions)
    sender = TopicSender(properties, definition.topic)
    time_in_record = definition.time_unit is TimeUnit.RECORD  # the message itself has no time field
    pace = _ReplayPace(speed, int(ordered.times_us[0]))
    for row, (asset, time_us) in enumerate(zip(ordered.assets, ordered.times_us.tolist(), strict=True)):
        if not pace.wait_until_due(time_us, sender.poll, stop):
            break
        for message in encode(Reading(asset, time_us, values[row]), definition):
            sender.send(asset.encode(), message, time_us // 1000 if time_in_record else None)
        if row % _REPORT_EVERY == 0:
            progress(row / len(values))
    delivered = sender.finish()
    progress(1.0)
    return delivered


class _ReplayPace:
    """Compares event time, times ``speed``, with the time since the replay began."""

    def __init__(self, speed: float | None, first_us: int) -> None:
        self._speed = speed
        self._first_us = first_us
        self._started_at = time.monotonic()

    def wait_until_due(self, time_us: int, poll: Callable[[float], None], stop: Callable[[], bool]) -> bool:
        """Call ``poll`` until the reading at ``time_us`` is due; False when ``stop`` was true first."""
        while not stop():
            if self._speed is None:
                return True
            elapsed_s = time.monotonic() - self._started_at
            early_s = (time_us - self._first_us) / 1e6 / self._speed - elapsed_s
            if early_s <= 0:
                return True
            poll(min(early_s, _POLL_S))
        return False
