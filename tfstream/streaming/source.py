"""A consumer-group member that hands out records and tells which partitions come and go."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from types import TracebackType
from typing import Any, Protocol, TypeVar

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from tfstream.errors import ServiceUnavailable, TfstreamError
from tfstream.streaming.broker_health import BrokerHealth
from tfstream.streaming.client import Properties, new_consumer
from tfstream.streaming.kafka_errors import access_denied, broker_unreachable, error_text, is_fatal, is_fenced
from tfstream.streaming.offsets import end_offsets, first_offsets
from tfstream.streaming.records import Position, Record, partition_of, to_record

_log = logging.getLogger("tfstream.kafka")
_TIMEOUT_S = 5.0  # of one request: who asks must go on polling meanwhile
_SEEK_S = 2.0  # a client asks nobody for it
_BEGIN_S = 1.0  # inside a rebalance, which must not wait
Result = TypeVar("Result")


class Assignee(Protocol):
    """Who works on the partitions. Both calls come from inside :meth:`Source.poll` and must be quick."""

    def assigned(self, partitions: Sequence[int]) -> None:
        """New partitions; nothing comes from them until :meth:`Source.place` says where to read from."""

    def revoked(self, partitions: Sequence[int]) -> None:
        """Partitions that are gone: drop what is held for them. The next owner reads from the last commit."""


class Source:
    """One topic, consumed as a member of a group.

    Nothing is committed here. A revoked partition's uncommitted work is dropped, never committed from within
    the rebalance: its next owner does it again from the last commit, which is the one path that also serves
    a crash. A new partition is held until it is placed: finding its place asks other servers, which may be
    away, and a rebalance must not wait for them.
    """

    def __init__(
        self, properties: Properties, topic: str, group: str, assignee: Assignee, instance: str | None = None
    ) -> None:
        """``instance`` makes it a static member: back within the session timeout, nothing was rebalanced."""
        self.topic = topic
        self.at_end: dict[int, int] = {}  # partitions read up to their end, and where that was
        self.owned: set[int] = set()
        self.stopped: set[int] = set()  # owned, and nothing more is read from them
        self._held: set[int] = set()  # owned, and nothing is read from them yet
        self._assignee = assignee
        self._properties = properties
        self._rights = f"READ on topic {topic} and on group {group}"
        self._lost: set[int] = set()  # whose next offset is not in the topic any more
        self.broker_health = BrokerHealth()
        self._instance = instance
        own: dict[str, Any] = {
            "auto.offset.reset": "error",  # no quiet jump to the beginning: the windows must know
            **self.broker_health.settings,
        }
        if instance is not None:
            own["group.instance.id"] = instance
        self._consumer = new_consumer(properties, group, **own)
        self._paused = False

    def __enter__(self) -> Source:
        self._consumer.subscribe(
            [self.topic], on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_lost
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._consumer.close()

    def poll(self, *, most: int, timeout_s: float) -> list[Record]:
        """What has come, at most ``most`` records; an empty list after the timeout."""
        records = []
        for message in self._consumer.consume(most, timeout=timeout_s):
            if message.error() is not None:
                self._on_message_error(message)
                continue
            record = to_record(message)
            partition = record.partition
            self.at_end.pop(partition, None)
            if partition in self.owned and partition not in self._held and partition not in self.stopped:
                records.append(record)
        return self._without_lost(records) if self._lost else records

    def _without_lost(self, records: list[Record]) -> list[Record]:
        """Who works on them places them anew, as after a rebalance; what was read counts for nothing."""
        lost, self._lost = sorted(self._lost & self.owned), set()
        _log.warning(
            "%s: the place in partitions %s is gone: retention removed it, or the topic was made anew",
            self.topic,
            lost,
        )
        self._assignee.revoked(lost)
        self._fetch_anew(lost)
        self.hold(lost)
        self._assignee.assigned(lost)
        return [record for record in records if record.partition not in lost]

    @property
    def exhausted(self) -> bool:
        """Whether every partition of a (non-empty) assignment is stopped, or read to its present end."""
        return bool(self.owned) and not self._held and self.owned - self.stopped <= self.at_end.keys()

    def caught_up(self) -> bool:
        """Whether every partition has been read to the end that the broker names now, markers included."""
        if not self.exhausted:
            return False
        bounds = self.bounds(sorted(self.owned - self.stopped))
        return all(self.at_end[partition] >= high for partition, (_, high) in bounds.items())

    def group_metadata(self) -> object:
        return self._consumer.consumer_group_metadata()

    def committed(self, partitions: Sequence[int]) -> dict[int, Position | None]:
        """The group's committed positions; None for a partition that has none.

        :raises ServiceUnavailable: when the broker does not answer.
        """
        wanted = self._entries(partitions)
        found = self._retried(lambda: self._consumer.committed(wanted, timeout=_TIMEOUT_S))
        return {
            entry.partition: Position(entry.partition, entry.offset, entry.metadata or "")
            if entry.offset >= 0
            else None
            for entry in found
        }

    def bounds(self, partitions: Sequence[int]) -> dict[int, tuple[int, int]]:
        """Each partition's first offset that is still stored, and its end.

        :raises ServiceUnavailable: when the broker does not answer.
        """
        asked = (self._consumer, self.topic, partitions, _TIMEOUT_S)
        low = self._retried(lambda: first_offsets(*asked))
        high = self._retried(lambda: end_offsets(*asked))
        return {partition: (low[partition], high[partition]) for partition in partitions}

    def lag(self, partition: int, offset: int) -> int:
        """Messages between a position and the end that the last fetch has shown; asks nobody."""
        if partition in self.at_end:
            return 0
        entry = TopicPartition(self.topic, partition)
        _, high = self._consumer.get_watermark_offsets(entry, cached=True)
        return max(0, high - offset)

    def hold(self, partitions: Sequence[int]) -> None:
        """Read nothing from owned partitions until they are placed again."""
        self._held.update(partitions)
        self.stopped.difference_update(partitions)
        self._forget_ends(partitions)
        self._consumer.pause(self._entries(partitions))

    def stop(self, partition: int) -> None:
        """Keep an owned partition and read no further in it, until it is held and placed again."""
        self.stopped.add(partition)
        self._forget_ends([partition])
        self._consumer.pause(self._entries([partition]))

    def read_from(self, offsets: dict[int, int]) -> None:
        """Read held partitions from the given offsets on.

        :raises ServiceUnavailable: when the client is not ready for it; place them again.
        """
        for partition, offset in offsets.items():
            self._seek(TopicPartition(self.topic, partition, offset))
        self._forget_ends(offsets)
        self._held.difference_update(offsets)
        if not self._paused:
            self._consumer.resume(self._entries(offsets))

    def _seek(self, entry: TopicPartition) -> None:
        """The place that a held partition had may be gone, too, and nobody is told then."""
        seek = partial(self._consumer.seek, entry)
        try:
            self._retried(seek, timeout_s=_SEEK_S)
        except ServiceUnavailable:
            self._fetch_anew([entry.partition])
            self._consumer.pause(self._entries([entry.partition]))
            self._retried(seek)

    def _fetch_anew(self, partitions: Sequence[int]) -> None:
        """librdkafka stops fetching a partition for good when its place is gone: a seek alone is refused."""
        self._consumer.incremental_unassign(self._entries(partitions))
        self._consumer.incremental_assign(self._beginnings(partitions))

    def _beginnings(self, partitions: Sequence[int]) -> list[TopicPartition]:
        """Places that exist, as far as the broker tells: fetching may start before a partition is paused."""
        try:
            first = first_offsets(self._consumer, self.topic, partitions, _BEGIN_S)
        except KafkaException as error:
            _log.debug("beginning at offset 0: %s", error_text(self._properties, error.args[0]))
            first = {}
        return [TopicPartition(self.topic, partition, first.get(partition, 0)) for partition in partitions]

    def pause(self) -> None:
        """Fetch nothing, yet stay in the group: an output is down."""
        self._paused = True
        self._consumer.pause(self._entries(self.owned))

    def resume(self) -> None:
        self._paused = False
        self._consumer.resume(self._entries(self.owned - self._held - self.stopped))

    def _entries(self, partitions: Iterable[int]) -> list[TopicPartition]:
        return [TopicPartition(self.topic, partition) for partition in partitions]

    def _retried(self, call: Callable[[], Result], timeout_s: float = _TIMEOUT_S) -> Result:
        """A request that the broker may not answer at once, as while it finishes a transaction."""
        deadline = time.monotonic() + timeout_s
        while True:
            try:
                return call()
            except KafkaException as error:
                denied = access_denied(self._properties, error.args[0], self._rights)
                if denied is not None:
                    raise denied from None
                if time.monotonic() > deadline:
                    raise broker_unreachable(self._properties, error) from None
                _log.debug("asking again: %s", error_text(self._properties, error.args[0]))
                time.sleep(0.2)

    def _on_assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        numbers = _numbers(partitions)
        consumer.incremental_assign(self._beginnings(numbers))
        if not numbers:
            return
        self.owned.update(numbers)
        self.hold(numbers)
        self._assignee.assigned(numbers)
        _log.info("%s: assigned partitions %s", self.topic, numbers)

    def _on_revoke(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        _log.info("%s: revoked partitions %s", self.topic, _numbers(partitions))
        self._drop(partitions)
        consumer.incremental_unassign(partitions)

    def _on_lost(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        _log.warning(
            "%s: lost partitions %s; what was not committed is done again", self.topic, _numbers(partitions)
        )
        self._drop(partitions)
        consumer.incremental_unassign(partitions)

    def _drop(self, partitions: list[TopicPartition]) -> None:
        numbers = _numbers(partitions)
        self.owned.difference_update(numbers)
        self._held.difference_update(numbers)
        self.stopped.difference_update(numbers)
        self._forget_ends(numbers)
        self._assignee.revoked(numbers)

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
            return
        if error.code() == KafkaError._AUTO_OFFSET_RESET:
            self._lost.update({partition_of(message)} - self._held)
            return
        if is_fenced(error):
            raise TfstreamError(
                f"another process took over the static member {self._instance} of {self.topic}'s group; this "
                f"one ends, nothing uncommitted was written; give each process a --slot of its own"
            )
        if is_fatal(error):
            raise TfstreamError(
                f"consuming {self.topic} failed for good: {error_text(self._properties, error)}"
            )
        denied = access_denied(self._properties, error, self._rights)
        if denied is not None:
            raise denied
        _log.warning("consuming %s: %s", self.topic, error_text(self._properties, error))


def _numbers(partitions: Sequence[TopicPartition]) -> list[int]:
    return sorted(entry.partition for entry in partitions)
