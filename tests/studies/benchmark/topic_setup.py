"""Topics of the benchmark: create, fill, and reset for another run."""

from __future__ import annotations

import time
from collections.abc import Iterator

from confluent_kafka import Producer

from tests.studies.benchmark.load_generator import LoadMessage
from tfstream.streaming.connection.client import new_admin
from tfstream.streaming.topics import ensure_topic, partition_count, state_topic

_TIMEOUT_S, _TICK_S = 30.0, 0.1


def create_topic(bootstrap: str, topic: str, partitions: int) -> None:
    """A topic without retention, which keeps old records."""
    ensure_topic({"bootstrap.servers": bootstrap}, topic, partitions, {"retention.ms": "-1"})


def delete_state(bootstrap: str, topic: str) -> None:
    """Delete the scoring state of a topic, so that the topic can be scored again from its beginning."""
    properties = {"bootstrap.servers": bootstrap}
    state_topic_name = state_topic(topic)
    if partition_count(properties, state_topic_name) is None:
        return
    admin = new_admin(properties)
    admin.delete_topics([state_topic_name])[state_topic_name].result(_TIMEOUT_S)
    deadline = time.monotonic() + _TIMEOUT_S
    while partition_count(properties, state_topic_name) is not None:
        if time.monotonic() > deadline:
            raise AssertionError(f"{state_topic_name} still exists after {_TIMEOUT_S:.0f} s")
        time.sleep(_TICK_S)


def fill_topic(bootstrap: str, topic: str, messages: Iterator[LoadMessage]) -> int:
    """Send all messages and wait until they are stored; returns their number."""
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
