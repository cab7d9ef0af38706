"""The offsets up to which a consumer has stored a topic's partitions: always the *next* offset to read."""

from __future__ import annotations

from sqlalchemy import Connection, func, select, update
from sqlalchemy.dialects.postgresql import insert

from tfstream.errors import TfstreamError
from tfstream.storage.tables import progress


class OffsetConflict(TfstreamError):
    """Another process has moved the offset; the transaction must not be committed."""


def next_offsets(connection: Connection, consumer: str, topic: str) -> dict[int, int]:
    """The next offset of each partition from which the consumer has stored something."""
    query = select(progress.c.partition, progress.c.next_offset).where(
        progress.c.consumer == consumer, progress.c.topic == topic
    )
    return {row.partition: row.next_offset for row in connection.execute(query)}


def advance(
    connection: Connection, consumer: str, topic: str, partition: int, expected: int | None, next_offset: int
) -> None:
    """Compare and swap: move the offset from ``expected`` to ``next_offset``.

    ``expected`` is None for a partition of which nothing is stored.

    :raises OffsetConflict: when the stored offset is not ``expected``.
    """
    key = {"consumer": consumer, "topic": topic, "partition": partition}
    if expected is None:
        first = insert(progress).values(**key, next_offset=next_offset).on_conflict_do_nothing()
        moved = len(connection.execute(first.returning(progress.c.partition)).all())
    else:
        same_key = (getattr(progress.c, name) == value for name, value in key.items())
        swap = update(progress).where(*same_key, progress.c.next_offset == expected)
        moved = connection.execute(swap.values(next_offset=next_offset, updated_at=func.now())).rowcount
    if moved != 1:
        raise OffsetConflict(f"another {consumer} process is at work on partition {partition} of {topic}")
