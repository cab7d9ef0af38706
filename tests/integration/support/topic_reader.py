"""Read a topic with isolation level read_committed, and the committed offsets of a group."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from typing import Any, NamedTuple

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, TopicPartition

Headers = tuple[tuple[str, bytes | None], ...]


class TopicMessage(NamedTuple):
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Headers

    @property
    def body(self) -> dict[str, Any]:
        """The JSON object of the value; empty without a value."""
        fields: dict[str, Any] = json.loads(self.value or b"{}")
        return fields


def read_committed(
    bootstrap: str, topic: str, properties: Mapping[str, str] | None = None
) -> list[TopicMessage]:
    """All messages of a topic, partition by partition; none if the topic does not exist."""
    consumer = _consumer(bootstrap, f"test.{uuid.uuid4()}", properties)
    try:
        partitions = sorted(consumer.list_topics(topic, timeout=60.0).topics[topic].partitions)
        consumer.assign([TopicPartition(topic, number, OFFSET_BEGINNING) for number in partitions])
        return sorted(_read_to_end(consumer, set(partitions)))
    finally:
        consumer.close()


def committed_offsets(bootstrap: str, topic: str, group: str) -> dict[int, int]:
    """The group's next offset per partition; -1001 where it has committed nothing."""
    consumer = _consumer(bootstrap, group)
    try:
        partitions = consumer.list_topics(topic, timeout=60.0).topics[topic].partitions
        queries = [TopicPartition(topic, number) for number in partitions]
        return {answer.partition: answer.offset for answer in consumer.committed(queries, timeout=60.0)}
    finally:
        consumer.close()


def _consumer(bootstrap: str, group: str, properties: Mapping[str, str] | None = None) -> Consumer:
    return Consumer(
        {
            **(properties or {}),
            "bootstrap.servers": bootstrap,
            "group.id": group,
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "isolation.level": "read_committed",
            "log_level": 0,
        }
    )


def _read_to_end(consumer: Consumer, partitions: set[int]) -> list[TopicMessage]:
    messages = []
    while partitions:
        for message in consumer.consume(500, timeout=0.1):
            error = message.error()
            if error is None:
                messages.append(_message(message))
            elif error.code() == KafkaError._PARTITION_EOF:
                partitions.discard(message.partition() or 0)
    return messages


def _message(message: Any) -> TopicMessage:
    headers: Headers = tuple(message.headers() or ())
    return TopicMessage(message.partition(), message.offset(), message.key(), message.value(), headers)
