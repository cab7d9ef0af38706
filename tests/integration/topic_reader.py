"""What a read_committed reader sees of a topic, and what a group has committed."""

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
        found: dict[str, Any] = json.loads(self.value or b"{}")
        return found


def read_committed(
    bootstrap: str, topic: str, properties: Mapping[str, str] | None = None
) -> list[TopicMessage]:
    """Everything in a topic, partition by partition; nothing for a topic that does not exist."""
    consumer = _consumer(bootstrap, f"test.{uuid.uuid4()}", properties)
    try:
        partitions = sorted(consumer.list_topics(topic, timeout=60.0).topics[topic].partitions)
        consumer.assign([TopicPartition(topic, number, OFFSET_BEGINNING) for number in partitions])
        return sorted(_until_end(consumer, set(partitions)))
    finally:
        consumer.close()


def committed_offsets(bootstrap: str, topic: str, group: str) -> dict[int, int]:
    """The group's next offset of every partition; -1001 where it has committed nothing."""
    consumer = _consumer(bootstrap, group)
    try:
        partitions = consumer.list_topics(topic, timeout=60.0).topics[topic].partitions
        wanted = [TopicPartition(topic, number) for number in partitions]
        return {found.partition: found.offset for found in consumer.committed(wanted, timeout=60.0)}
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


def _until_end(consumer: Consumer, waiting: set[int]) -> list[TopicMessage]:
    messages = []
    while waiting:
        for found in consumer.consume(500, timeout=0.1):
            error = found.error()
            if error is None:
                messages.append(_message(found))
            elif error.code() == KafkaError._PARTITION_EOF:
                waiting.discard(found.partition() or 0)
    return messages


def _message(found: Any) -> TopicMessage:
    headers: Headers = tuple(found.headers() or ())
    return TopicMessage(found.partition(), found.offset(), found.key(), found.value(), headers)
