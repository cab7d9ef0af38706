"""A consumer-group member: returns one topic's records, and reports which partitions come and go."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import Any, Protocol

from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

from tfstream.errors import TfstreamError
from tfstream.streaming.connection.broker_health import BrokerHealth
from tfstream.streaming.connection.client import new_consumer
from tfstream.streaming.connection.kafka_errors import access_denied, error_text, is_fatal, is_fenced
from tfstream.streaming.connection.properties import Properties
from tfstream.streaming.consumer.partition_fetch import PartitionFetch
from tfstream.streaming.consumer.source_offsets import SourceOffsets
from tfstream.streaming.records import Record, partition_of, to_record

_log = logging.getLogger("tfstream.kafka")


class PartitionHandler(Protocol):
    """Works on the partitions. Both methods run inside :meth:`Source.poll` and must be quick."""

    def assigned(self, partitions: Sequence[int]) -> None:
        """New partitions; they return no record before :meth:`Source.read_from` names an offset."""

    def revoked(self, partitions: Sequence[int]) -> None:
        """Drop all work on partitions that are gone. The next owner reads from the last commit."""


class Source:
    """One topic, consumed as a member of a group.

    Nothing is committed here. A revoked partition's uncommitted work is dropped, never committed from within
    the rebalance: its next owner repeats it from the last commit, the same path as after a crash. A new
    partition is held until the caller names an offset: the caller asks other servers for it, which may be
    away, and a rebalance must not wait for them.
    """

    def __init__(
        self,
        properties: Properties,
        topic: str,
        group: str,
        handler: PartitionHandler,
        instance: str | None = None,
    ) -> None:
        """``instance`` makes it a static member: a restart within the session timeout causes no rebalance."""
        self.topic = topic
        self.at_end: dict[int, int] = {}  # partitions read to their end, and the end offset
        self.owned: set[int] = set()
        self.stopped: set[int] = set()  # owned, and read no further
        self.broker_health = BrokerHealth()
        self._held: set[int] = set()  # owned, and not read yet
        self._offset_gone: set[int] = set()  # their next offset is not in the topic any more
        self._paused = False
        self._handler = handler
        self._properties = properties
        self._instance = instance
        self._right = right = f"READ on topic {topic} and on group {group}"
        own: dict[str, Any] = {
            "auto.offset.reset": "error",  # a jump to the beginning must be reported: windows depend on it
            **self.broker_health.settings,
        }
        if instance is not None:
            own["group.instance.id"] = instance
        self._consumer = new_consumer(properties, group, **own)
        self.offsets = SourceOffsets(self._consumer, topic, properties, right)
        self._fetch = PartitionFetch(self._consumer, topic, properties, right)

    def __enter__(self) -> Source:
        self._consumer.subscribe(
            [self.topic], on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_lost
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._consumer.close()

    def poll(self, *, max_records: int, timeout_s: float) -> list[Record]:
        """At most ``max_records`` new records; an empty list when none came within the timeout.

        :raises TfstreamError: when this member can never consume again, or may not read the topic.
        """
        records = []
        for message in self._consumer.consume(max_records, timeout=timeout_s):
            if message.error() is not None:
                self._on_message_error(message)
                continue
            record = to_record(message)
            partition = record.partition
            self.at_end.pop(partition, None)
            if partition in self.owned and partition not in self._held and partition not in self.stopped:
                records.append(record)
        return self._reassign_gone(records) if self._offset_gone else records

    @property
    def exhausted(self) -> bool:
        """Whether every partition of a (non-empty) assignment is stopped, or read to its present end."""
        return bool(self.owned) and not self._held and self.owned - self.stopped <= self.at_end.keys()

    def caught_up(self) -> bool:
        """Whether every partition is read to the end that the broker names now, transaction markers included.

        :raises ServiceUnavailable: when the broker does not answer.
        """
        if not self.exhausted:
            return False
        bounds = self.offsets.bounds(sorted(self.owned - self.stopped))
        return all(self.at_end[partition] >= high for partition, (_, high) in bounds.items())

    def group_metadata(self) -> object:
        """What a transaction needs to commit offsets as this member of the group."""
        return self._consumer.consumer_group_metadata()

    def lag(self, partition: int, offset: int) -> int:
        """Messages between an offset and the end that the last fetch has shown; sends no request."""
        if partition in self.at_end:
            return 0
        entry = TopicPartition(self.topic, partition)
        _, high = self._consumer.get_watermark_offsets(entry, cached=True)
        return max(0, high - offset)

    def hold(self, partitions: Sequence[int]) -> None:
        """Read nothing from owned partitions until :meth:`read_from` names their offsets."""
        self._held.update(partitions)
        self.stopped.difference_update(partitions)
        self._forget_ends(partitions)
        self._fetch.pause(partitions)

    def stop(self, partition: int) -> None:
        """Keep an owned partition and read no further in it, until :meth:`hold` and :meth:`read_from`."""
        self.stopped.add(partition)
        self._forget_ends([partition])
        self._fetch.pause([partition])

    def read_from(self, offsets: dict[int, int]) -> None:
        """Read held partitions from the given offsets on.

        :raises ServiceUnavailable: when the client is not ready for it; call it again.
        """
        for partition, offset in offsets.items():
            self._fetch.seek(partition, offset)
        self._forget_ends(offsets)
        self._held.difference_update(offsets)
        if not self._paused:
            self._fetch.resume(offsets)

    def pause(self) -> None:
        """Fetch nothing and stay in the group, while the output of this process is down."""
        self._paused = True
        self._fetch.pause(self.owned)

    def resume(self) -> None:
        self._paused = False
        self._fetch.resume(self.owned - self._held - self.stopped)

    def _reassign_gone(self, records: list[Record]) -> list[Record]:
        """Treat partitions whose offset is gone as newly assigned; returns the other partitions' records."""
        gone, self._offset_gone = sorted(self._offset_gone & self.owned), set()
        _log.warning(
            "%s: the next offsets of partitions %s are not in the topic any more: retention removed them, or "
            "the topic was deleted and created again",
            self.topic,
            gone,
        )
        self._handler.revoked(gone)
        self._fetch.restart(gone)
        self.hold(gone)
        self._handler.assigned(gone)
        return [record for record in records if record.partition not in gone]

    def _on_assign(self, _: Consumer, entries: list[TopicPartition]) -> None:
        partitions = _numbers(entries)
        self._fetch.assign(partitions)
        if not partitions:
            return
        self.owned.update(partitions)
        self.hold(partitions)
        self._handler.assigned(partitions)
        _log.info("%s: assigned partitions %s", self.topic, partitions)

    def _on_revoke(self, _: Consumer, entries: list[TopicPartition]) -> None:
        _log.info("%s: revoked partitions %s", self.topic, _numbers(entries))
        self._drop(_numbers(entries))

    def _on_lost(self, _: Consumer, entries: list[TopicPartition]) -> None:
        _log.warning(
            "%s: lost partitions %s; their next owner repeats the uncommitted work",
            self.topic,
            _numbers(entries),
        )
        self._drop(_numbers(entries))

    def _drop(self, partitions: list[int]) -> None:
        self.owned.difference_update(partitions)
        self._held.difference_update(partitions)
        self.stopped.difference_update(partitions)
        self._forget_ends(partitions)
        self._handler.revoked(partitions)
        self._fetch.unassign(partitions)

    def _forget_ends(self, partitions: Iterable[int]) -> None:
        for partition in partitions:
            self.at_end.pop(partition, None)

    def _on_message_error(self, message: Message) -> None:
        error = message.error()
        if error is None:
            return
        if error.code() == KafkaError._PARTITION_EOF:
            if partition_of(message) not in self._held | self.stopped:
                self.at_end[partition_of(message)] = message.offset() or 0
        elif error.code() == KafkaError._AUTO_OFFSET_RESET:
            self._offset_gone.update({partition_of(message)} - self._held)
        else:
            self._raise_if_lasting(error)
            _log.warning("consuming %s: %s", self.topic, error_text(self._properties, error))

    def _raise_if_lasting(self, error: KafkaError) -> None:
        if is_fenced(error):
            raise TfstreamError(
                f"another process took over the static member {self._instance} of {self.topic}'s group; this "
                f"process ends, nothing uncommitted was written; give each process a --slot of its own"
            )
        if is_fatal(error):
            raise TfstreamError(
                f"this process cannot consume {self.topic} any more: {error_text(self._properties, error)}"
            )
        denied = access_denied(self._properties, error, self._right)
        if denied is not None:
            raise denied


def _numbers(entries: Sequence[TopicPartition]) -> list[int]:
    return sorted(entry.partition for entry in entries)
