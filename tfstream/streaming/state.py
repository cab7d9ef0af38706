"""Reading partitions of the compacted state topic to their end."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator, Sequence

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, Message, TopicPartition

from tfstream.errors import ServiceUnavailable
from tfstream.streaming.client import Properties, new_consumer
from tfstream.streaming.records import partition_of
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
    try:
        consumer.assign([TopicPartition(topic, partition, OFFSET_BEGINNING) for partition in partitions])
        for message in _until_end(consumer, properties, topic, set(partitions)):
            _apply(tables[partition_of(message)], message.key(), message.value())
        return tables
    finally:
        consumer.close()


def _until_end(
    consumer: Consumer, properties: Properties, topic: str, waiting: set[int]
) -> Iterator[Message]:
    """The records of all partitions up to their ends, as of when each is reached."""
    deadline = time.monotonic() + _TIMEOUT_S
    while waiting:
        if time.monotonic() > deadline:
            raise ServiceUnavailable(
                f"partitions {sorted(waiting)} of {topic} cannot be read to their end: nothing came "
                f"for {_TIMEOUT_S:.0f} s; is the broker well?"
            )
        for message in consumer.consume(1000, timeout=0.1):
            error = message.error()
            if error is None:
                deadline = time.monotonic() + _TIMEOUT_S
                yield message
            elif error.code() == KafkaError._PARTITION_EOF:
                waiting.discard(partition_of(message))
            elif (denied := may_not_read(properties, error, topic)) is not None:
                raise denied


def _apply(table: Table, key: object, value: object) -> None:
    if not isinstance(key, bytes):
        return
    if isinstance(value, bytes):
        table[key] = value
    else:
        table.pop(key, None)
