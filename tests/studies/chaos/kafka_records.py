"""Topics and offsets as a Kafka client reads them: records, end offsets, committed offsets."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, NamedTuple, TypeVar

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, TopicPartition

from tests.studies.background_thread import BackgroundThread
from tests.studies.chaos.waiting import wait_for

OUTPUTS = ("anomalies", "scores", "dead-letters")
_TIMEOUT_S = 30.0
Answer = TypeVar("Answer")
_LONG = 4096  # bytes; of a longer value only the hash is kept


class OutputRecord(NamedTuple):
    """A record of an output topic."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]


class ConcurrentReader(BackgroundThread):
    """Reads the output topics of a stream while the broker is killed and restarted."""

    def __init__(self, bootstrap: str, topics: Sequence[str]) -> None:
        super().__init__("reader")
        self.records: list[OutputRecord] = []
        self.errors: list[str] = []
        self._consumer = new_reader(bootstrap, "read_committed")
        self._consumer.assign(_partitions(self._consumer, topics))

    def _run(self) -> None:
        while not self._over.is_set():
            for message in self._consumer.consume(500, timeout=0.2):
                error = message.error()
                if error is None:
                    self.records.append(_output_record(message))
                elif error.code() == KafkaError._AUTO_OFFSET_RESET:
                    self.errors.append(error.str())  # the position is lost, so the records are incomplete

    def _close(self) -> None:
        self._consumer.close()


def read_all(bootstrap: str, topics: Sequence[str]) -> list[OutputRecord]:
    """All committed records of the topics, sorted by topic, partition and offset."""
    consumer = new_reader(bootstrap, "read_committed")
    try:
        partitions = _partitions(consumer, topics)
        consumer.assign(partitions)
        unfinished = {(partition.topic, partition.partition) for partition in partitions}
        records: list[OutputRecord] = []
        while unfinished:
            for message in consumer.consume(1000, timeout=0.2):
                error = message.error()
                if error is None:
                    records.append(_output_record(message))
                elif error.code() == KafkaError._PARTITION_EOF:
                    unfinished.discard((str(message.topic()), message.partition() or 0))
        return sorted(records, key=lambda record: record[:3])
    finally:
        consumer.close()


def no_open_transactions(bootstrap: str, topics: Sequence[str]) -> bool:
    """Whether a read_committed consumer can read every partition to its end."""
    committed, uncommitted = (
        new_reader(bootstrap, f"read_{level}") for level in ("committed", "uncommitted")
    )
    try:
        partitions = _partitions(committed, topics)
        return all(_end(committed, partition) == _end(uncommitted, partition) for partition in partitions)
    finally:
        committed.close()
        uncommitted.close()


def end_offsets(bootstrap: str, topic: str) -> dict[int, int]:
    """The offset after the last record, by partition."""
    consumer = new_reader(bootstrap, "read_uncommitted")
    try:
        partitions = _partitions(consumer, [topic])
        return {partition.partition: _end(consumer, partition) for partition in partitions}
    finally:
        consumer.close()


def committed_offsets(bootstrap: str, topic: str, group: str) -> dict[int, TopicPartition]:
    """A group's committed offset with its metadata, by partition."""
    consumer = new_reader(bootstrap, "read_committed", group)
    try:
        wanted = [TopicPartition(topic, partition.partition) for partition in _partitions(consumer, [topic])]
        committed = _retry(lambda: consumer.committed(wanted, timeout=_TIMEOUT_S))
        return {partition.partition: partition for partition in committed}
    finally:
        consumer.close()


def commit_for_group(
    bootstrap: str, group: str, offsets: Sequence[TopicPartition], timeout_s: float = 30.0
) -> None:
    """Commit offsets for a group whose members have left; the broker refuses until it has noticed that.

    :raises ConditionTimeout: when the broker still refuses after ``timeout_s``.
    """
    consumer = new_reader(bootstrap, "read_committed", group)
    try:
        wait_for(lambda: _try_commit(consumer, offsets), f"an empty group {group}", timeout_s)
    finally:
        consumer.close()


def _try_commit(consumer: Consumer, offsets: Sequence[TopicPartition]) -> bool:
    try:
        consumer.commit(offsets=list(offsets), asynchronous=False)
    except KafkaException:
        return False
    return True


def new_reader(bootstrap: str, isolation: str, group: str | None = None) -> Consumer:
    """A consumer that reports the end of partitions and never resets its position by itself."""
    return Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": group or f"chaos.{uuid.uuid4()}",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "auto.offset.reset": "error",
            "isolation.level": isolation,
            "fetch.message.max.bytes": 2_000_000,
            "log_level": 0,
        }
    )


def _partitions(consumer: Consumer, topics: Sequence[str]) -> list[TopicPartition]:
    return [partition for topic in topics for partition in _partitions_of(consumer, topic)]


def _partitions_of(consumer: Consumer, topic: str) -> list[TopicPartition]:
    partitions = _retry(lambda: consumer.list_topics(topic, timeout=_TIMEOUT_S).topics[topic].partitions)
    return [TopicPartition(topic, partition, OFFSET_BEGINNING) for partition in sorted(partitions)]


def _end(consumer: Consumer, partition: TopicPartition) -> int:
    _, end = _retry(lambda: consumer.get_watermark_offsets(partition, timeout=_TIMEOUT_S))
    return end


def _retry(request: Callable[[], Answer]) -> Answer:
    """A broker that has just restarted may not know its groups and partitions yet."""
    answers: list[Answer] = []

    def answered() -> bool:
        with suppress(KafkaException):
            answers.append(request())
        return bool(answers)

    wait_for(answered, "an answer of the broker", _TIMEOUT_S)
    return answers[0]


def _output_record(message: Message) -> OutputRecord:
    key, value, partition, offset = message.key(), message.value(), message.partition(), message.offset()
    assert partition is not None
    assert offset is not None
    assert not isinstance(key, str)
    assert not isinstance(value, str)
    if value is not None and len(value) > _LONG:
        value = b"sha256 " + hashlib.sha256(value).digest()
    headers: Any = message.headers() or ()
    return OutputRecord(str(message.topic()), partition, offset, key, value, tuple(headers))
