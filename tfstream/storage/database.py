"""Connections, and what the driver's errors mean to a user."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError

from tfstream.errors import ConfigurationError
from tfstream.storage.driver_errors import translate

__all__ = [
    "Connection",
    "Database",
    "parse_url",
    "server_version",
]  # callers pass a Connection; only storage uses it

_CONNECT_TIMEOUT_S = "10"


def parse_url(url: str) -> URL:
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
        self.url = parse_url(url)
        self.engine = create_engine(self.url, pool_pre_ping=True, pool_size=5)

    @property
    def address(self) -> str:
        """Where it is, without a password."""
        return f"{self.url.host or 'localhost'}:{self.url.port or 5432}/{self.url.database}"

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """One transaction: committed at the end, rolled back when an error leaves it.

        :raises ServiceUnavailable: when the database cannot be reached, or goes away meanwhile.
        :raises AccessDenied: when it refuses the login, or a right is missing.
        :raises ConfigurationError: when a table is missing, or TLS with it fails.
        :raises BadData: when a value is none that PostgreSQL can hold.
        """
        try:
            with self.engine.begin() as connection:
                yield connection
        except DBAPIError as error:
            raise translate(self.address, error, error.orig) from None
        except psycopg.Error as error:  # from a COPY, which goes past SQLAlchemy
            raise translate(self.address, error, error) from None

    @contextmanager
    def session(self) -> Iterator[Connection]:
        """A session without a transaction, for what lasts as long as it does.

        :raises ServiceUnavailable: when the database cannot be reached; otherwise as :meth:`begin`.
        """
        try:
            with self.engine.connect() as connection:
                yield connection.execution_options(isolation_level="AUTOCOMMIT")
        except DBAPIError as error:
            raise translate(self.address, error, error.orig) from None

    def close(self) -> None:
        self.engine.dispose()


def server_version(connection: Connection) -> str:
    """The version of the PostgreSQL server, as it reports it."""
    return str(connection.execute(text("SHOW server_version")).scalar_one())
