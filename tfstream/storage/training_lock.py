"""One refit of a stream at a time, whoever runs it: an advisory lock, held by a connection of its own.

PostgreSQL gives the lock back when that connection ends, however the process ends. It belongs to a session:
behind a pooler that shares sessions between clients it means nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from tfstream.errors import ServiceUnavailable, TfstreamError
from tfstream.storage.database import Database

_REFIT = 0x7F57A4  # beside the migrations' lock; the second number is the stream


class RefitInProgress(TfstreamError):
    """Another process is refitting the stream."""


class TrainingLock:
    """Held until its block ends, or until its connection does."""

    def __init__(self, connection: Connection, address: str) -> None:
        self._connection = connection
        self._address = address

    def require(self) -> None:
        """:raises ServiceUnavailable: when the connection is gone, and the lock with it."""
        try:
            self._connection.execute(text("SELECT 1"))
        except DBAPIError:
            raise ServiceUnavailable(
                f"the connection to {self._address} that held the training lock has ended; the refit "
                f"is not stored, and the champion stays in charge; refit again"
            ) from None


@contextmanager
def hold_training_lock(database: Database, stream_id: int, topic: str) -> Iterator[TrainingLock]:
    """The right to refit a stream.

    :raises Busy: when another process has it.
    :raises ServiceUnavailable: when the database cannot be reached.
    """
    with database.session() as connection:
        keys = {"refit": _REFIT, "stream": stream_id}
        if not connection.execute(text("SELECT pg_try_advisory_lock(:refit, :stream)"), keys).scalar_one():
            raise RefitInProgress(f"{topic} is being refitted by another process; let it finish")
        try:
            yield TrainingLock(connection, database.address)
        finally:
            connection.invalidate()  # ends the session, and so the lock, whatever state it is in
