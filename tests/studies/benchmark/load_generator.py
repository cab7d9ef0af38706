"""Messages as a plant's gateway sends them: flat JSON, 127 sensors, one row a second and asset."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from confluent_kafka import Producer

from tests.studies.simulated_readings import SECOND_US, names, readings
from tfstream.core.messages.anomaly_event import iso
from tfstream.core.messages.encode import encode
from tfstream.core.reading import Reading
from tfstream.core.stream import StreamDefinition
from tfstream.streaming.client import new_admin
from tfstream.streaming.topics import ensure_topic, partition_count, state_topic

SENSORS = 127
START_US = 1_767_571_200_000_000  # 2026-01-05 00:00 UTC
_APART = 13  # rows by which an asset is ahead of the one before: no two of them say the same
_BODIES = 4096  # different rows; then they begin again
_DIGITS = 4
_TIMEOUT_S, _TICK_S = 30.0, 0.1


class LoadMessage(NamedTuple):
    """One row of one asset, on its way to a partition."""

    partition: int
    key: bytes
    value: bytes
    time_ms: int


def definition(topic: str, interval_us: int = SECOND_US) -> StreamDefinition:
    """The stream of such a topic."""
    return StreamDefinition(topic=topic, sensors=names(SENSORS), interval_us=interval_us)


class BenchmarkPlant:
    """So many assets; row by row, all assets of a row one after the other."""

    def __init__(
        self, assets: int, partitions: int = 1, start_us: int = START_US, interval_us: int = SECOND_US
    ) -> None:
        self.assets = assets
        self._partitions = partitions
        self.start_us = start_us
        self._interval_us = interval_us
        self._keys = [f"asset-{number:05}".encode() for number in range(assets)]
        self._bodies = _bodies()

    def messages(self, first: int, stop: int) -> Iterator[LoadMessage]:
        """The rows ``first`` to ``stop`` of all assets."""
        for row in range(first, stop):
            for asset in range(self.assets):
                yield self.message(row, asset, self.start_us + row * self._interval_us)

    def message(self, row: int, asset: int, time_us: int) -> LoadMessage:
        """One row of one asset at a moment."""
        key = self._keys[asset]
        body = self._bodies[(row + _APART * asset) % len(self._bodies)]
        value = b'{"ts":"%s","asset":"%s",%s' % (iso(time_us).encode(), key, body)
        return LoadMessage(asset % self._partitions, key, value, time_us // 1000)


def _bodies() -> list[bytes]:
    """Messages without their time and asset."""
    stream = definition("any")
    values = readings(_BODIES, SENSORS, seed=1).round(_DIGITS)
    whole = (next(encode(Reading("x", START_US, row.astype(np.float32)), stream)) for row in values)
    return [message[message.index(b'"s0"') :] for message in whole]


def make_topic(bootstrap: str, topic: str, partitions: int) -> None:
    """A topic of so many partitions; it keeps its records, however old they say they are."""
    ensure_topic({"bootstrap.servers": bootstrap}, topic, partitions, {"retention.ms": "-1"})


def forget_state(bootstrap: str, topic: str) -> None:
    """Delete what scoring has left of a topic, so that it can be scored from its beginning once more."""
    properties = {"bootstrap.servers": bootstrap}
    left = state_topic(topic)
    if partition_count(properties, left) is None:
        return
    admin = new_admin(properties)
    admin.delete_topics([left])[left].result(_TIMEOUT_S)
    deadline = time.monotonic() + _TIMEOUT_S
    while partition_count(properties, left) is not None:
        if time.monotonic() > deadline:
            raise AssertionError(f"{left} is still there after {_TIMEOUT_S:.0f} s")
        time.sleep(_TICK_S)


def fill(bootstrap: str, topic: str, messages: Iterator[LoadMessage]) -> int:
    """Send everything and wait until it is stored; how many messages that were."""
    producer = Producer(
        {"bootstrap.servers": bootstrap, "linger.ms": 20, "queue.buffering.max.kbytes": 65_536}
    )
    sent = 0
    for partition, key, value, time_ms in messages:
        while True:
            try:
                producer.produce(topic, value, key, partition, timestamp=time_ms)
                break
            except BufferError:
                producer.poll(0.05)
        sent += 1
    producer.flush(120.0)
    return sent
