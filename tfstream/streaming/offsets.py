"""How far a consumer group is behind a topic's end."""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence
from typing import NamedTuple

from confluent_kafka import OFFSET_BEGINNING, OFFSET_END, Consumer, KafkaException, TopicPartition

from tfstream.streaming.client import new_consumer
from tfstream.streaming.kafka_errors import request_error
from tfstream.streaming.properties import Properties
from tfstream.streaming.topics import partition_count


def first_offsets(
    consumer: Consumer, topic: str, partitions: Sequence[int], timeout_s: float
) -> dict[int, int]:
    """The first offset of each that is still stored.

    :raises KafkaException: when a partition's broker does not say in time.
    """
    return _looked_up(consumer, topic, partitions, OFFSET_BEGINNING, timeout_s)


def end_offsets(
    consumer: Consumer, topic: str, partitions: Sequence[int], timeout_s: float
) -> dict[int, int]:
    """The end of what the consumer may read of each: with read_committed, before any open transaction.

    :raises KafkaException: when a partition's broker does not say in time.
    """
    return _looked_up(consumer, topic, partitions, OFFSET_END, timeout_s)


def _looked_up(
    consumer: Consumer, topic: str, partitions: Sequence[int], place: int, timeout_s: float
) -> dict[int, int]:
    """One request to each broker: Kafka looks up times, and the ends under numbers that are no times."""
    if not partitions:
        return {}
    places = [TopicPartition(topic, partition, place) for partition in partitions]
    found = consumer.offsets_for_times(places, timeout=timeout_s)
    for entry in found:
        if entry.error is not None:
            raise KafkaException(entry.error)
    return {entry.partition: entry.offset for entry in found}


_TIMEOUT_S = 10.0
_ASK_AGAIN_S = 1.0


class GroupOffset(NamedTuple):
    """Where a group stands in a partition, what it said there, and the partition's end."""

    offset: int  # negative: the group has committed nothing
    metadata: str
    end: int


def topic_ends(properties: Properties, topic: str) -> dict[int, int]:
    """The end offset of every partition; empty when there is no such topic.

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
    """Of every partition of the topic; nothing when there is no such topic.

    :raises ServiceUnavailable: when the broker does not answer.
    """
    count = partition_count(properties, topic) or 0
    consumer = new_consumer(properties, group)  # asks for the group's offsets without joining it
    try:
        wanted = [TopicPartition(topic, partition) for partition in range(count)]
        committed = _committed(consumer, wanted)
        ends = _ends(consumer, topic, count)
    except KafkaException as error:
        raise request_error(properties, error, f"DESCRIBE on topic {topic} and on group {group}") from None
    finally:
        consumer.close()
    return {
        one.partition: GroupOffset(one.offset, one.metadata or "", ends[one.partition]) for one in committed
    }


def _committed(consumer: Consumer, wanted: list[TopicPartition]) -> list[TopicPartition]:
    """A group that may not be looked at only times out; its error comes with the next poll."""
    deadline = time.monotonic() + _TIMEOUT_S
    while True:
        try:
            return consumer.committed(wanted, timeout=_ASK_AGAIN_S)
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
