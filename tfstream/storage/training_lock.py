"""The training lock: one process refits a stream at a time.

It is an advisory lock, held by a connection of its own. PostgreSQL releases it when that connection ends,
however the process ends. The lock belongs to a session, so that it has no effect behind a connection pooler
that shares sessions between clients.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from tfstream.errors import ServiceUnavailable, TfstreamError
from tfstream.storage.database import Database

_REFIT = 0x7F57A4  # the first key; the second key is the stream's id


class RefitInProgress(TfstreamError):
    """Another process is refitting the stream."""


class TrainingLock:
    """Held until its block ends or its connection is lost."""

    def __init__(self, connection: Connection, address: str) -> None:
        self._connection = connection
        self._address = address

    def require(self) -> None:
        """Check that the lock is still held.

        :raises ServiceUnavailable: when the connection, and the lock with it, is lost.
        """
        try:
            self._connection.execute(text("SELECT 1"))
        except DBAPIError:
            raise ServiceUnavailable(
                f"the connection to {self._address} that held the training lock has ended; the refit "
                f"is not stored, and the champion stays; refit again"
            ) from None


@contextmanager
def hold_training_lock(database: Database, stream_id: int, topic: str) -> Iterator[TrainingLock]:
    """Hold the right to refit a stream for a block.

    :raises RefitInProgress: when another process holds it.
    :raises ServiceUnavailable: when the database cannot be reached.
    """
    with database.session() as connection:
        keys = {"refit": _REFIT, "stream": stream_id}
        if not connection.execute(text("SELECT pg_try_advisory_lock(:refit, :stream)"), keys).scalar_one():
            raise RefitInProgress(f"another process is refitting {topic}; wait until it has finished")
        try:
            yield TrainingLock(connection, database.address)
        finally:
            connection.invalidate()  # ends the session, and with it the lock, in whatever state it is
