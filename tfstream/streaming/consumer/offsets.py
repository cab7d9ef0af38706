"""First, end and committed offsets of a topic's partitions."""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence
from typing import NamedTuple

from confluent_kafka import OFFSET_BEGINNING, OFFSET_END, Consumer, KafkaException, TopicPartition

from tfstream.streaming.connection.client import new_consumer
from tfstream.streaming.connection.kafka_errors import request_error
from tfstream.streaming.connection.properties import Properties
from tfstream.streaming.topics import partition_count

_TIMEOUT_S = 10.0
_REQUEST_S = 1.0


def first_offsets(
    consumer: Consumer, topic: str, partitions: Sequence[int], timeout_s: float
) -> dict[int, int]:
    """Each partition's first stored offset.

    :raises KafkaException: when a partition's broker does not answer in time.
    """
    return _offsets_at(consumer, topic, partitions, OFFSET_BEGINNING, timeout_s)


def end_offsets(
    consumer: Consumer, topic: str, partitions: Sequence[int], timeout_s: float
) -> dict[int, int]:
    """Each partition's end for this consumer: with read_committed, the start of its first open transaction.

    :raises KafkaException: when a partition's broker does not answer in time.
    """
    return _offsets_at(consumer, topic, partitions, OFFSET_END, timeout_s)


def _offsets_at(
    consumer: Consumer, topic: str, partitions: Sequence[int], which: int, timeout_s: float
) -> dict[int, int]:
    """Sends one request to each broker: Kafka's request by time also accepts the two OFFSET_ constants."""
    if not partitions:
        return {}
    requested = [TopicPartition(topic, partition, which) for partition in partitions]
    entries = consumer.offsets_for_times(requested, timeout=timeout_s)
    for entry in entries:
        if entry.error is not None:
            raise KafkaException(entry.error)
    return {entry.partition: entry.offset for entry in entries}


class GroupOffset(NamedTuple):
    """A group's committed offset in a partition, the commit's metadata, and the partition's end offset."""

    offset: int  # negative: the group has committed nothing
    metadata: str
    end: int


def topic_ends(properties: Properties, topic: str) -> dict[int, int]:
    """The end offset of every partition; empty when the topic does not exist.

    :raises ServiceUnavailable: when the broker does not answer.
    """
    count = partition_count(properties, topic) or 0
    consumer = new_consumer(properties, f"tfstream.lag.{uuid.uuid4()}")
    try:
        return _ends(consumer, topic, count)
    except KafkaException as error:
        raise request_error(properties, error, f"DESCRIBE on topic {topic}") from None
    finally:
        consumer.close()


def group_offsets(properties: Properties, topic: str, group: str) -> dict[int, GroupOffset]:
    """The group's offset in every partition of the topic; empty when the topic does not exist.

    :raises ServiceUnavailable: when the broker does not answer.
    """
    count = partition_count(properties, topic) or 0
    consumer = new_consumer(properties, group)  # reads the group's offsets without joining it
    try:
        entries = [TopicPartition(topic, partition) for partition in range(count)]
        committed = _committed(consumer, entries)
        ends = _ends(consumer, topic, count)
    except KafkaException as error:
        raise request_error(properties, error, f"DESCRIBE on topic {topic} and on group {group}") from None
    finally:
        consumer.close()
    return {
        entry.partition: GroupOffset(entry.offset, entry.metadata or "", ends[entry.partition])
        for entry in committed
    }


def _committed(consumer: Consumer, entries: list[TopicPartition]) -> list[TopicPartition]:
    """When this user may not describe the group, the request times out, and the next poll has the error."""
    deadline = time.monotonic() + _TIMEOUT_S
    while True:
        try:
            return consumer.committed(entries, timeout=_REQUEST_S)
        except KafkaException:
            message = consumer.poll(0.0)
            error = message.error() if message is not None else None
            if error is not None:
                raise KafkaException(error) from None
            if time.monotonic() > deadline:
                raise


def _ends(consumer: Consumer, topic: str, count: int) -> dict[int, int]:
    return {
        partition: consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=_TIMEOUT_S)[1]
        for partition in range(count)
    }
