"""Reading partitions of the compacted state topic to their end."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, Message, TopicPartition

from tfstream.errors import ServiceUnavailable
from tfstream.streaming.client import new_consumer
from tfstream.streaming.kafka_errors import read_denied
from tfstream.streaming.properties import Properties
from tfstream.streaming.records import partition_of

_TIMEOUT_S = 15.0  # without anything new
_MOST = 1000

Table = dict[bytes, bytes]


class StateReader:
    """Reads partitions a little at a time, each into the table that compaction would leave.

    A topic that nobody has compacted yet may take minutes, and a member of a group that does not poll
    meanwhile is thrown out of it. Only committed records count; a tombstone removes its key.
    """

    def __init__(self, properties: Properties, topic: str) -> None:
        self._properties = properties
        self._topic = topic
        self._consumer: Consumer | None = None
        self._tables: dict[int, Table] = {}
        self._following: dict[int, int] = {}  # the next offset of each
        self._waiting: set[int] = set()  # not yet read to their end
        self._idle_s = 0.0

    def request(self, partitions: Iterable[int]) -> None:
        """Begin to read those of the partitions that are not being read."""
        new = sorted(set(partitions) - self._tables.keys())
        if not self._tables:
            self.close()  # it may still be at partitions that nobody wants any more
        if not new:
            return
        if self._consumer is None:
            self._consumer = new_consumer(self._properties, f"tfstream.state.{uuid.uuid4()}")
        self._consumer.incremental_assign([TopicPartition(self._topic, p, OFFSET_BEGINNING) for p in new])
        self._tables.update({partition: {} for partition in new})
        self._waiting.update(new)

    def read(self, for_s: float) -> dict[int, Table]:
        """Go on for so long; the tables of the partitions that have been read to their present end.

        :raises ServiceUnavailable: when nothing has come for long; it may be gone on with.
        """
        until = time.monotonic() + for_s
        while self._consumer is not None:
            began = time.monotonic()
            messages = self._consumer.consume(_MOST, timeout=0.1)
            for message in messages:
                self._take(message)
            if not self._waiting:
                break
            self._check_idle(0.0 if messages else time.monotonic() - began)
            if time.monotonic() >= until:
                break
        return {p: table for p, table in self._tables.items() if p not in self._waiting}

    def drop(self, partitions: Iterable[int]) -> None:
        """They are not wanted any more: taken over, or another process's by now."""
        gone = sorted(self._tables.keys() & set(partitions))
        for partition in gone:
            del self._tables[partition]
            self._following.pop(partition, None)
        self._waiting.difference_update(gone)
        if self._tables and gone and self._consumer is not None:
            self._consumer.incremental_unassign([TopicPartition(self._topic, p) for p in gone])

    def close(self) -> None:
        """Let go of everything; reading may begin again."""
        consumer, self._consumer = self._consumer, None
        self._tables.clear()
        self._following.clear()
        self._waiting.clear()
        if consumer is not None:
            consumer.close()

    @property
    def idle(self) -> bool:
        """Whether nothing is being read."""
        return not self._tables

    def _take(self, message: Message) -> None:
        error = message.error()
        if error is None:
            self._apply(message)
        elif error.code() == KafkaError._PARTITION_EOF:
            self._waiting.discard(partition_of(message))
        elif (denied := read_denied(self._properties, error, self._topic)) is not None:
            raise denied

    def _apply(self, message: Message) -> None:
        partition, key, value = partition_of(message), message.key(), message.value()
        table, offset = self._tables.get(partition), message.offset() or 0
        if table is None:
            return
        if offset < self._following.get(partition, 0):
            table.clear()  # the topic was made anew
        self._following[partition] = offset + 1
        self._waiting.add(partition)
        if not isinstance(key, bytes):
            return
        if isinstance(value, bytes):
            table[key] = value
        else:
            table.pop(key, None)

    def _check_idle(self, more_s: float) -> None:
        self._idle_s = self._idle_s + more_s if more_s else 0.0
        if self._idle_s > _TIMEOUT_S:
            self._idle_s = 0.0
            raise ServiceUnavailable(
                f"partitions {sorted(self._waiting)} of {self._topic} cannot be read to their end: nothing "
                f"came for {_TIMEOUT_S:.0f} s; is the broker well?"
            )
