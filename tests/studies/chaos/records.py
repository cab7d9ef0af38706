"""What read_committed readers hold of the topics: one that reads all the while, one that reads at the end."""

from __future__ import annotations

import hashlib
import threading
import uuid
from collections.abc import Callable, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, NamedTuple, TypeVar

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, TopicPartition

from tests.studies.chaos.waiting import wait_for

OUTPUTS = ("anomalies", "scores", "dead-letters")
_TIMEOUT_S = 30.0
Answer = TypeVar("Answer")
_LONG = 4096  # bytes from which a value is kept as its hash only


class Held(NamedTuple):
    """A record as a reader holds it."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]


class Reader:
    """Reads the output topics of a stream in a thread, across everything that happens to the broker."""

    def __init__(self, bootstrap: str, topics: Sequence[str]) -> None:
        self.held: list[Held] = []
        self.errors: list[str] = []
        self._consumer = new_reader(bootstrap, "read_committed")
        self._consumer.assign(_places(self._consumer, topics))
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="reader", daemon=True)

    def __enter__(self) -> Reader:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()
        self._consumer.close()

    def _run(self) -> None:
        while not self._over.is_set():
            for message in self._consumer.consume(500, timeout=0.2):
                error = message.error()
                if error is None:
                    self.held.append(_held(message))
                elif error.code() == KafkaError._AUTO_OFFSET_RESET:
                    self.errors.append(
                        error.str()
                    )  # it would have begun anew: what it held is not to be trusted


def read_all(bootstrap: str, topics: Sequence[str]) -> list[Held]:
    """Everything that is committed, partition by partition."""
    consumer = new_reader(bootstrap, "read_committed")
    try:
        places = _places(consumer, topics)
        consumer.assign(places)
        waiting = {(place.topic, place.partition) for place in places}
        held: list[Held] = []
        while waiting:
            for message in consumer.consume(1000, timeout=0.2):
                error = message.error()
                if error is None:
                    held.append(_held(message))
                elif error.code() == KafkaError._PARTITION_EOF:
                    waiting.discard((str(message.topic()), message.partition() or 0))
        return sorted(held, key=lambda one: one[:3])
    finally:
        consumer.close()


def all_ended(bootstrap: str, topics: Sequence[str]) -> bool:
    """Whether no transaction is open: a read_committed reader sees every partition to its very end."""
    committed, any_ = new_reader(bootstrap, "read_committed"), new_reader(bootstrap, "read_uncommitted")
    try:
        places = _places(committed, topics)
        return all(_end(committed, place) == _end(any_, place) for place in places)
    finally:
        committed.close()
        any_.close()


def ends(bootstrap: str, topic: str) -> dict[int, int]:
    """The offset after the last record of each partition."""
    consumer = new_reader(bootstrap, "read_uncommitted")
    try:
        return {place.partition: _end(consumer, place) for place in _places(consumer, [topic])}
    finally:
        consumer.close()


def committed(bootstrap: str, topic: str, group: str) -> dict[int, TopicPartition]:
    """What a group has committed for each partition, with its metadata."""
    consumer = new_reader(bootstrap, "read_committed", group)
    try:
        wanted = [TopicPartition(topic, place.partition) for place in _places(consumer, [topic])]
        held = _answer(lambda: consumer.committed(wanted, timeout=_TIMEOUT_S))
        return {found.partition: found for found in held}
    finally:
        consumer.close()


def rewrite(bootstrap: str, group: str, places: Sequence[TopicPartition], timeout_s: float = 30.0) -> None:
    """Commit for a group that has no members left; until the broker knows that, it refuses."""
    consumer = new_reader(bootstrap, "read_committed", group)
    try:
        wait_for(lambda: _commits(consumer, places), f"group {group} to be empty", timeout_s)
    finally:
        consumer.close()


def _commits(consumer: Consumer, places: Sequence[TopicPartition]) -> bool:
    try:
        consumer.commit(offsets=list(places), asynchronous=False)
    except KafkaException:
        return False
    return True


def new_reader(bootstrap: str, isolation: str, group: str | None = None) -> Consumer:
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


def _places(consumer: Consumer, topics: Sequence[str]) -> list[TopicPartition]:
    return [place for topic in topics for place in _places_of(consumer, topic)]


def _places_of(consumer: Consumer, topic: str) -> list[TopicPartition]:
    partitions = _answer(lambda: consumer.list_topics(topic, timeout=_TIMEOUT_S).topics[topic].partitions)
    return [TopicPartition(topic, partition, OFFSET_BEGINNING) for partition in sorted(partitions)]


def _end(consumer: Consumer, place: TopicPartition) -> int:
    _, end = _answer(lambda: consumer.get_watermark_offsets(place, timeout=_TIMEOUT_S))
    return end


def _answer(ask: Callable[[], Answer]) -> Answer:
    """A broker that has just come back may not know its own groups and partitions yet."""
    answers: list[Answer] = []

    def answered() -> bool:
        with suppress(KafkaException):
            answers.append(ask())
        return bool(answers)

    wait_for(answered, "the broker to answer", _TIMEOUT_S)
    return answers[0]


def _held(message: Message) -> Held:
    key, value, partition, offset = message.key(), message.value(), message.partition(), message.offset()
    assert partition is not None
    assert offset is not None
    assert not isinstance(key, str)
    assert not isinstance(value, str)
    if value is not None and len(value) > _LONG:
        value = b"sha256 " + hashlib.sha256(value).digest()
    headers: Any = message.headers() or ()
    return Held(str(message.topic()), partition, offset, key, value, tuple(headers))
