"""What a dead-letter topic holds: how many new messages, and the newest one's reason."""

from __future__ import annotations

import uuid
from typing import NamedTuple

from confluent_kafka import Consumer, Message, TopicPartition

from tfstream.streaming.connection.client import new_consumer
from tfstream.streaming.connection.properties import Properties
from tfstream.streaming.connection.retry import call_with_retry
from tfstream.streaming.consumer.read_to_end import read_to_end
from tfstream.streaming.topics import dead_letters_topic, partition_count

_TIMEOUT_S = 10.0
_TAIL = 20  # offsets: the last of them are transaction markers, and messages that were rolled back


class LastDeadLetter(NamedTuple):
    """When the newest message was written, its reason, and the source partition and offset of its record."""

    time_ms: int
    reason: str
    source: str


class DeadLetters(NamedTuple):
    """``at_most`` counts offsets since a moment; transaction markers are among them."""

    at_most: int
    last: LastDeadLetter | None


def recent_dead_letters(properties: Properties, topic: str, since_ms: int) -> DeadLetters:
    """The dead letters of a sensor topic since a moment in milliseconds since 1970.

    :raises ServiceUnavailable: when the broker does not answer.
    :raises ConfigurationError: when this user may not read the dead-letter topic.
    """
    name = dead_letters_topic(topic)
    count = partition_count(properties, name) or 0
    if not count:
        return DeadLetters(0, None)
    consumer = new_consumer(properties, f"tfstream.letters.{uuid.uuid4()}")
    try:
        at_most, tails = _count_and_tails(consumer, properties, name, count, since_ms)
        return DeadLetters(at_most, _newest(consumer, properties, tails))
    finally:
        consumer.close()


def _count_and_tails(
    consumer: Consumer, properties: Properties, name: str, count: int, since_ms: int
) -> tuple[int, list[TopicPartition]]:
    """How many offsets there are since the moment, and where each partition's last offsets begin."""
    moments = [TopicPartition(name, partition, since_ms) for partition in range(count)]
    right = f"DESCRIBE on topic {name}"
    first_since = call_with_retry(
        lambda: consumer.offsets_for_times(moments, timeout=_TIMEOUT_S), properties, right, _TIMEOUT_S
    )
    at_most, tails = 0, []
    for first in first_since:
        entry = TopicPartition(name, first.partition)
        low, high = call_with_retry(
            lambda entry=entry: consumer.get_watermark_offsets(entry, timeout=_TIMEOUT_S),  # type: ignore[misc]
            properties,
            right,
            _TIMEOUT_S,
        )
        start = first.offset if first.offset >= 0 else high  # negative: no message is that new
        at_most += high - max(start, low)
        if high > low:
            tails.append(TopicPartition(name, first.partition, max(low, high - _TAIL)))
    return at_most, tails


def _newest(consumer: Consumer, properties: Properties, tails: list[TopicPartition]) -> LastDeadLetter | None:
    """The newest message of the partitions' last offsets, or of those read before the timeout."""
    newest: Message | None = None
    for message in read_to_end(consumer, properties, tails, _TIMEOUT_S):
        if newest is None or message.timestamp()[1] >= newest.timestamp()[1]:
            newest = message
    return None if newest is None else _last_dead_letter(newest)


def _last_dead_letter(message: Message) -> LastDeadLetter:
    headers = {name: _text(value) for name, value in list(message.headers() or ())}
    source = (
        f"partition {headers.get('tfstream.partition', '?')}, offset {headers.get('tfstream.offset', '?')}"
    )
    return LastDeadLetter(message.timestamp()[1], headers.get("tfstream.reason", "no reason given"), source)


def _text(value: object) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
