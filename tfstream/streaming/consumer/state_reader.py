"""Reads partitions of the compacted state topic to their end."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, Message, TopicPartition

from tfstream.errors import ServiceUnavailable
from tfstream.streaming.connection.client import new_consumer
from tfstream.streaming.connection.kafka_errors import read_denied
from tfstream.streaming.connection.properties import Properties
from tfstream.streaming.records import partition_of

_TIMEOUT_S = 15.0  # without a new message
_MAX_MESSAGES = 1000  # in one call

Table = dict[bytes, bytes]


class StateReader:
    """Reads partitions in short steps, each into the table that compaction would leave.

    A topic that is not compacted yet may take minutes, and a member of a consumer group that does not poll
    for that long is removed from the group. Only committed records count; a tombstone removes its key.
    """

    def __init__(self, properties: Properties, topic: str) -> None:
        self._properties = properties
        self._topic = topic
        self._consumer: Consumer | None = None
        self._tables: dict[int, Table] = {}
        self._next_offsets: dict[int, int] = {}
        self._unread: set[int] = set()  # partitions not yet read to their end
        self._silent_s = 0.0

    def request(self, partitions: Iterable[int]) -> None:
        """Begin to read the given partitions, except those that are being read."""
        new = sorted(set(partitions) - self._tables.keys())
        if not self._tables:
            self.close()  # it may still read partitions that were dropped
        if not new:
            return
        if self._consumer is None:
            self._consumer = new_consumer(self._properties, f"tfstream.state.{uuid.uuid4()}")
        self._consumer.incremental_assign([TopicPartition(self._topic, p, OFFSET_BEGINNING) for p in new])
        self._tables.update({partition: {} for partition in new})
        self._unread.update(new)

    def read(self, for_s: float) -> dict[int, Table]:
        """Read for ``for_s`` seconds; returns the tables of the partitions that are read to their end.

        :raises ServiceUnavailable: when no message came for 15 s; the caller may call it again.
        """
        until = time.monotonic() + for_s
        while self._consumer is not None:
            began = time.monotonic()
            messages = self._consumer.consume(_MAX_MESSAGES, timeout=0.1)
            for message in messages:
                self._process(message)
            if not self._unread:
                break
            self._check_silence(0.0 if messages else time.monotonic() - began)
            if time.monotonic() >= until:
                break
        return {p: table for p, table in self._tables.items() if p not in self._unread}

    def drop(self, partitions: Iterable[int]) -> None:
        """Stop reading partitions whose state was used, or which another process owns now."""
        gone = sorted(self._tables.keys() & set(partitions))
        for partition in gone:
            del self._tables[partition]
            self._next_offsets.pop(partition, None)
        self._unread.difference_update(gone)
        if self._tables and gone and self._consumer is not None:
            self._consumer.incremental_unassign([TopicPartition(self._topic, p) for p in gone])

    def close(self) -> None:
        """Drop every partition; :meth:`request` may begin again."""
        consumer, self._consumer = self._consumer, None
        self._tables.clear()
        self._next_offsets.clear()
        self._unread.clear()
        if consumer is not None:
            consumer.close()

    @property
    def idle(self) -> bool:
        """Whether no partition is being read."""
        return not self._tables

    def _process(self, message: Message) -> None:
        error = message.error()
        if error is None:
            self._apply(message)
        elif error.code() == KafkaError._PARTITION_EOF:
            self._unread.discard(partition_of(message))
        elif (denied := read_denied(self._properties, error, self._topic)) is not None:
            raise denied

    def _apply(self, message: Message) -> None:
        partition, key, value = partition_of(message), message.key(), message.value()
        table, offset = self._tables.get(partition), message.offset() or 0
        if table is None:
            return
        if offset < self._next_offsets.get(partition, 0):
            table.clear()  # the topic was deleted and created again
        self._next_offsets[partition] = offset + 1
        self._unread.add(partition)
        if not isinstance(key, bytes):
            return
        if isinstance(value, bytes):
            table[key] = value
        else:
            table.pop(key, None)

    def _check_silence(self, more_s: float) -> None:
        self._silent_s = self._silent_s + more_s if more_s else 0.0
        if self._silent_s > _TIMEOUT_S:
            self._silent_s = 0.0
            raise ServiceUnavailable(
                f"partitions {sorted(self._unread)} of {self._topic} cannot be read to their end: no message "
                f"came for {_TIMEOUT_S:.0f} s; read the broker's log"
            )
