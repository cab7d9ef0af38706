"""The messages of a topic's partitions up to their present ends, outside of any consumer group."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

from tfstream.streaming.connection.kafka_errors import read_denied
from tfstream.streaming.connection.properties import Properties
from tfstream.streaming.records import partition_of

_MAX_MESSAGES = 500  # in one call
_POLL_S = 0.1


def read_to_end(
    consumer: Consumer, properties: Properties, starts: Sequence[TopicPartition], timeout_s: float
) -> Iterator[Message]:
    """The messages of one topic from the given offsets to each partition's present end.

    After ``timeout_s`` seconds it stops, also when a partition's end has not been reached.

    :raises AccessDenied: when this user may not read the topic.
    """
    consumer.assign(list(starts))
    unread = {start.partition for start in starts}
    deadline = time.monotonic() + timeout_s
    while unread and time.monotonic() < deadline:
        for message in consumer.consume(_MAX_MESSAGES, timeout=_POLL_S):
            error = message.error()
            if error is None:
                yield message
            elif error.code() == KafkaError._PARTITION_EOF:
                unread.discard(partition_of(message))
            else:
                _raise_if_denied(properties, error, starts[0].topic)


def _raise_if_denied(properties: Properties, error: KafkaError, topic: str) -> None:
    denied = read_denied(properties, error, topic)
    if denied is not None:
        raise denied
