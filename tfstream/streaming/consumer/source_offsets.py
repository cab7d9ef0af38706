"""What the broker knows of one topic's partitions: the group's commits, each log's first and end offset."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from confluent_kafka import Consumer, TopicPartition

from tfstream.streaming.connection.properties import Properties
from tfstream.streaming.connection.retry import call_with_retry
from tfstream.streaming.consumer.offsets import end_offsets, first_offsets
from tfstream.streaming.records import Position

_TIMEOUT_S = 5.0  # of one request: the caller must poll again within the session timeout
_Answer = TypeVar("_Answer")


class SourceOffsets:
    """Asks the broker through the consumer of a :class:`~tfstream.streaming.consumer.source.Source`."""

    def __init__(self, consumer: Consumer, topic: str, properties: Properties, right: str) -> None:
        self._consumer = consumer
        self._topic = topic
        self._properties = properties
        self._right = right

    def committed(self, partitions: Sequence[int]) -> dict[int, Position | None]:
        """The group's committed positions; None for a partition without a commit.

        :raises ServiceUnavailable: when the broker does not answer.
        """
        entries = [TopicPartition(self._topic, partition) for partition in partitions]
        committed = self._request(lambda: self._consumer.committed(entries, timeout=_TIMEOUT_S))
        return {
            entry.partition: Position(entry.partition, entry.offset, entry.metadata or "")
            if entry.offset >= 0
            else None
            for entry in committed
        }

    def bounds(self, partitions: Sequence[int]) -> dict[int, tuple[int, int]]:
        """Each partition's first stored offset, and its end offset.

        :raises ServiceUnavailable: when the broker does not answer.
        """
        request = (self._consumer, self._topic, partitions, _TIMEOUT_S)
        low = self._request(lambda: first_offsets(*request))
        high = self._request(lambda: end_offsets(*request))
        return {partition: (low[partition], high[partition]) for partition in partitions}

    def _request(self, call: Callable[[], _Answer]) -> _Answer:
        return call_with_retry(call, self._properties, self._right, _TIMEOUT_S)
