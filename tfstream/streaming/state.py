"""Reading partitions of the compacted state topic to their end."""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence

from confluent_kafka import OFFSET_BEGINNING, KafkaError, TopicPartition

from tfstream.errors import ServiceUnavailable
from tfstream.streaming.client import Properties, new_consumer
from tfstream.streaming.refusal import may_not_read

_TIMEOUT_S = 15.0  # without anything new

Table = dict[bytes, bytes]


def read_tables(properties: Properties, topic: str, partitions: Sequence[int]) -> dict[int, Table]:
    """Each partition as the table that compaction would leave: the last value of every key.

    Only committed records count; a tombstone removes its key.

    :raises ServiceUnavailable: when nothing comes any more before a partition's end.
    """
    consumer = new_consumer(properties, f"tfstream.state.{uuid.uuid4()}")
    tables: dict[int, Table] = {partition: {} for partition in partitions}
    waiting = set(partitions)
    deadline = time.monotonic() + _TIMEOUT_S
    try:
        consumer.assign([TopicPartition(topic, partition, OFFSET_BEGINNING) for partition in partitions])
        while waiting:
            if time.monotonic() > deadline:
                raise ServiceUnavailable(
                    f"partitions {sorted(waiting)} of {topic} cannot be read to their end: nothing came "
                    f"for {_TIMEOUT_S:.0f} s; is the broker well?"
                )
            for message in consumer.consume(1000, timeout=0.1):
                partition = message.partition()
                assert partition is not None
                error = message.error()
                if error is not None:
                    if error.code() == KafkaError._PARTITION_EOF:
                        waiting.discard(partition)
                    denied = may_not_read(properties, error, topic)
                    if denied is not None:
                        raise denied
                    continue
                deadline = time.monotonic() + _TIMEOUT_S
                _apply(tables[partition], message.key(), message.value())
        return tables
    finally:
        consumer.close()


def _apply(table: Table, key: object, value: object) -> None:
    if not isinstance(key, bytes):
        return
    if isinstance(value, bytes):
        table[key] = value
    else:
        table.pop(key, None)
