"""Consumed records, messages to produce and committed positions, as plain values."""

from __future__ import annotations

from typing import NamedTuple

import msgspec
from confluent_kafka import Message

_TIMESTAMP_NONE = 0

Headers = tuple[tuple[str, bytes], ...]


class Record(msgspec.Struct, frozen=True, gc=False):
    """A consumed message. ``time_ms`` is the record's own timestamp, None where it has none.

    Not a tuple: the garbage collector would visit thousands of them, which took a tenth of recording's time.
    """

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    time_ms: int | None


class Output(NamedTuple):
    """A message to produce; without a partition its key chooses one, as in Java clients."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers = ()
    partition: int | None = None


class Position(NamedTuple):
    """A partition's committed position: ``offset`` is always the *next* offset to read."""

    partition: int
    offset: int
    metadata: str


def partition_of(message: Message) -> int:
    partition = message.partition()
    assert partition is not None
    return partition


def to_record(message: Message) -> Record:
    kind, time_ms = message.timestamp()
    offset = message.offset()
    assert offset is not None
    key, value = message.key(), message.value()
    return Record(
        partition_of(message),
        offset,
        key.encode() if isinstance(key, str) else key,
        value.encode() if isinstance(value, str) else value,
        None if kind == _TIMESTAMP_NONE else time_ms,
    )
