"""Where a consumer fetches each partition, and which partitions it fetches at all."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from functools import partial

from confluent_kafka import Consumer, KafkaException, TopicPartition

from tfstream.errors import ServiceUnavailable
from tfstream.streaming.connection.kafka_errors import error_text
from tfstream.streaming.connection.properties import Properties
from tfstream.streaming.connection.retry import call_with_retry
from tfstream.streaming.consumer.offsets import first_offsets

_log = logging.getLogger("tfstream.kafka")
_SEEK_TIMEOUT_S = 5.0
_FIRST_SEEK_S = 2.0  # a seek sends no request
_BEGINNINGS_S = 1.0  # inside a rebalance, which must not wait


class PartitionFetch:
    """Assigns, moves, pauses and resumes one topic's partitions in a librdkafka consumer."""

    def __init__(self, consumer: Consumer, topic: str, properties: Properties, right: str) -> None:
        self._consumer = consumer
        self._topic = topic
        self._properties = properties
        self._right = right

    def assign(self, partitions: Sequence[int]) -> None:
        """Add partitions, at their beginnings; also confirms an assignment without partitions."""
        self._consumer.incremental_assign(self._beginnings(partitions))

    def unassign(self, partitions: Sequence[int]) -> None:
        self._consumer.incremental_unassign(self._entries(partitions))

    def restart(self, partitions: Sequence[int]) -> None:
        """Fetch again from the beginning.

        librdkafka stops fetching a partition for good when its offset is not in the topic any more: it then
        refuses a seek, too.
        """
        self.unassign(partitions)
        self.assign(partitions)

    def seek(self, partition: int, offset: int) -> None:
        """Move a paused partition to an offset.

        The partition's former offset may not be in the topic any more, which librdkafka does not report for a
        paused partition: when the seek fails, the partition is assigned again first.

        :raises ServiceUnavailable: when the client is not ready for it; call it again.
        """
        seek = partial(self._consumer.seek, TopicPartition(self._topic, partition, offset))
        try:
            call_with_retry(seek, self._properties, self._right, _FIRST_SEEK_S)
        except ServiceUnavailable:
            self.restart([partition])
            self.pause([partition])
            call_with_retry(seek, self._properties, self._right, _SEEK_TIMEOUT_S)

    def pause(self, partitions: Iterable[int]) -> None:
        self._consumer.pause(self._entries(partitions))

    def resume(self, partitions: Iterable[int]) -> None:
        self._consumer.resume(self._entries(partitions))

    def _beginnings(self, partitions: Sequence[int]) -> list[TopicPartition]:
        """Each partition's first offset, else offset 0: fetching may start before the caller pauses it."""
        try:
            first = first_offsets(self._consumer, self._topic, partitions, _BEGINNINGS_S)
        except KafkaException as error:
            _log.debug("fetching from offset 0: %s", error_text(self._properties, error.args[0]))
            first = {}
        return [TopicPartition(self._topic, partition, first.get(partition, 0)) for partition in partitions]

    def _entries(self, partitions: Iterable[int]) -> list[TopicPartition]:
        return [TopicPartition(self._topic, partition) for partition in partitions]
