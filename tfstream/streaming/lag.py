"""How far a consumer group is behind a topic's end."""

from __future__ import annotations

import time
import uuid

from confluent_kafka import Consumer, KafkaException, TopicPartition

from tfstream.streaming.client import Properties, new_consumer
from tfstream.streaming.refusal import explained
from tfstream.streaming.topics import partition_count

_TIMEOUT_S = 10.0
_ASK_AGAIN_S = 1.0


def topic_ends(properties: Properties, topic: str) -> dict[int, int]:
    """The end offset of every partition; empty when there is no such topic.

    :raises ServiceUnavailable: when the broker does not answer.
    """
    count = partition_count(properties, topic) or 0
    consumer = new_consumer(properties, f"tfstream.lag.{uuid.uuid4()}")
    try:
        return _ends(consumer, topic, count)
    except KafkaException as error:
        raise explained(properties, error, f"DESCRIBE on topic {topic}") from None
    finally:
        consumer.close()


def group_lag(properties: Properties, topic: str, group: str) -> int | None:
    """Offsets between a group's commits and the topic's end; None when it has committed nothing.

    :raises ServiceUnavailable: when the broker does not answer.
    """
    count = partition_count(properties, topic) or 0
    consumer = new_consumer(properties, group)  # asks for the group's offsets without joining it
    try:
        wanted = [TopicPartition(topic, partition) for partition in range(count)]
        committed = {found.partition: found.offset for found in _committed(consumer, wanted)}
        ends = _ends(consumer, topic, count)
    except KafkaException as error:
        raise explained(properties, error, f"DESCRIBE on topic {topic} and on group {group}") from None
    finally:
        consumer.close()
    if all(offset < 0 for offset in committed.values()):
        return None
    return sum(max(end - max(committed[partition], 0), 0) for partition, end in ends.items())


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
