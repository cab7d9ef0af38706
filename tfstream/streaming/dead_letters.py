"""What stands in a dead-letter topic: how much of it is new, and the last letter."""

from __future__ import annotations

import time
import uuid
from typing import NamedTuple

from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

from tfstream.streaming.client import Properties, new_consumer
from tfstream.streaming.kafka_errors import read_denied
from tfstream.streaming.retry import call_with_retry
from tfstream.streaming.topics import dead_letters_topic, partition_count

_TIMEOUT_S = 10.0
_TAIL = 20  # offsets: the last of them are the ends of transactions, and of some that were rolled back


class LastDeadLetter(NamedTuple):
    """When and why the newest message was diverted, and where it stood in its topic."""

    time_ms: int
    reason: str
    source: str


class DeadLetters(NamedTuple):
    """``at_most``: offsets since a moment; the ends of transactions are among them."""

    at_most: int
    last: LastDeadLetter | None


def recent_dead_letters(properties: Properties, topic: str, since_ms: int) -> DeadLetters:
    """The dead letters of a sensor topic since a moment (milliseconds since 1970).

    :raises ServiceUnavailable: when the broker does not answer.
    :raises ConfigurationError: when the topic may not be read.
    """
    name = dead_letters_topic(topic)
    count = partition_count(properties, name) or 0
    if not count:
        return DeadLetters(0, None)
    consumer = new_consumer(properties, f"tfstream.letters.{uuid.uuid4()}")
    try:
        return _read(consumer, properties, name, count, since_ms)
    finally:
        consumer.close()


def _read(consumer: Consumer, properties: Properties, name: str, count: int, since_ms: int) -> DeadLetters:
    places = [TopicPartition(name, partition, since_ms) for partition in range(count)]
    right = f"DESCRIBE on topic {name}"
    first = call_with_retry(
        lambda: consumer.offsets_for_times(places, timeout=_TIMEOUT_S), properties, right, _TIMEOUT_S
    )
    at_most, tails = 0, []
    for place in first:
        entry = TopicPartition(name, place.partition)
        low, high = call_with_retry(
            lambda entry=entry: consumer.get_watermark_offsets(entry, timeout=_TIMEOUT_S),  # type: ignore[misc]
            properties,
            right,
            _TIMEOUT_S,
        )
        start = place.offset if place.offset >= 0 else high  # negative: nothing as young as that
        at_most += high - max(start, low)
        if high > low:
            tails.append(TopicPartition(name, place.partition, max(low, high - _TAIL)))
    return DeadLetters(at_most, _newest(consumer, properties, tails))


def _newest(consumer: Consumer, properties: Properties, tails: list[TopicPartition]) -> LastDeadLetter | None:
    """The newest message of the partitions' last few offsets; in time, or what was seen until then."""
    consumer.assign(tails)
    waiting = {entry.partition for entry in tails}
    newest: Message | None = None
    deadline = time.monotonic() + _TIMEOUT_S
    while waiting and time.monotonic() < deadline:
        for message in consumer.consume(100, timeout=0.1):
            error = message.error()
            if error is not None:
                _check_readable(properties, error, tails[0].topic)
                if error.code() == KafkaError._PARTITION_EOF:
                    waiting.discard(message.partition() or 0)
            elif newest is None or message.timestamp()[1] >= newest.timestamp()[1]:
                newest = message
    return None if newest is None else _told(newest)


def _check_readable(properties: Properties, error: KafkaError, name: str) -> None:
    denied = read_denied(properties, error, name)
    if denied is not None:
        raise denied


def _told(message: Message) -> LastDeadLetter:
    headers = {name: _text(value) for name, value in list(message.headers() or ())}
    source = (
        f"partition {headers.get('tfstream.partition', '?')}, offset {headers.get('tfstream.offset', '?')}"
    )
    return LastDeadLetter(message.timestamp()[1], headers.get("tfstream.reason", "no reason given"), source)


def _text(value: object) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
