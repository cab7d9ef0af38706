"""Connections, and what the driver's errors mean to a user."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from sqlalchemy import Connection, create_engine
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, InterfaceError, OperationalError

from tfstream.errors import BadData, ConfigurationError, ServiceUnavailable

_CONNECT_TIMEOUT_S = "10"


def parsed(url: str) -> URL:
    """A URL for SQLAlchemy with psycopg 3; ``postgres://`` and ``postgresql://`` are taken as well.

    :raises ConfigurationError: when it is no PostgreSQL URL.
    """
    try:
        found = make_url(url)
    except (ArgumentError, ValueError):  # the latter for a port that is no number
        raise ConfigurationError(
            "the database URL cannot be read; write postgresql://user:password@host:5432/name"
        ) from None
    if found.drivername not in ("postgresql", "postgres", "postgresql+psycopg"):
        raise ConfigurationError(f"the database URL is for {found.drivername}; tfstream needs postgresql://")
    query = {"connect_timeout": _CONNECT_TIMEOUT_S, **found.query}
    return found.set(drivername="postgresql+psycopg", query=query)


class Database:
    """A pool of connections to one database."""

    def __init__(self, url: str) -> None:
        self.url = parsed(url)
        self.engine = create_engine(self.url, pool_pre_ping=True, pool_size=5)

    @property
    def place(self) -> str:
        """Where it is, without a password."""
        return f"{self.url.host or 'localhost'}:{self.url.port or 5432}/{self.url.database}"

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """One transaction: committed at the end, rolled back when an error leaves it.

        :raises ServiceUnavailable: when the database cannot be reached, or goes away meanwhile.
        :raises ConfigurationError: when a table is missing or a right.
        :raises BadData: when a value is none that PostgreSQL can hold.
        """
        try:
            with self.engine.begin() as connection:
                yield connection
        except DBAPIError as error:
            raise self._translated(error, error.orig) from None
        except psycopg.Error as error:  # from a COPY, which goes past SQLAlchemy
            raise self._translated(error, error) from None

    def close(self) -> None:
        self.engine.dispose()

    def _translated(self, error: Exception, cause: BaseException | None) -> Exception:
        detail = str(cause).strip().splitlines()[0] if str(cause).strip() else type(cause).__name__
        if isinstance(cause, psycopg.errors.UndefinedTable | psycopg.errors.UndefinedColumn):
            return ConfigurationError(f"{self.place}: {detail}; run `tfstream db upgrade`")
        if isinstance(cause, psycopg.DataError):
            return BadData(f"{self.place} refuses a value: {detail}")
        if isinstance(cause, psycopg.errors.InsufficientPrivilege):
            return ConfigurationError(f"{self.place}: {detail}; grant the role tfstream_write to this user")
        gone = isinstance(error, DBAPIError) and error.connection_invalidated
        if gone or isinstance(error, OperationalError | InterfaceError | psycopg.OperationalError):
            return ServiceUnavailable(f"PostgreSQL at {self.place} cannot be used ({detail}); is it running?")
        return error
