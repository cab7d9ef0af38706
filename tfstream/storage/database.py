"""The connection pool, and the URL of the database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError

from tfstream.errors import ConfigurationError
from tfstream.storage.driver_errors import translate

# Callers name the type Connection and pass its objects on; only storage calls their methods.
__all__ = [
    "Connection",
    "Database",
    "parse_url",
    "server_version",
]

_CONNECT_TIMEOUT_S = "10"


def parse_url(url: str) -> URL:
    """A URL for SQLAlchemy with psycopg 3, from a URL that begins with ``postgres://`` or ``postgresql://``.

    :raises ConfigurationError: when the text is not a PostgreSQL URL.
    """
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):  # ValueError: the port is not a number
        raise ConfigurationError(
            "the database URL cannot be read; write postgresql://user:password@host:5432/name"
        ) from None
    if parsed.drivername not in ("postgresql", "postgres", "postgresql+psycopg"):
        raise ConfigurationError(f"the database URL is for {parsed.drivername}; tfstream needs postgresql://")
    query = {"connect_timeout": _CONNECT_TIMEOUT_S, **parsed.query}
    return parsed.set(drivername="postgresql+psycopg", query=query)


class Database:
    """A pool of connections to one database."""

    def __init__(self, url: str) -> None:
        self.url = parse_url(url)
        self.engine = create_engine(self.url, pool_pre_ping=True, pool_size=5)

    @property
    def address(self) -> str:
        """Host, port and name of the database, without user and password."""
        return f"{self.url.host or 'localhost'}:{self.url.port or 5432}/{self.url.database}"

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """One transaction: committed at the end of the block, rolled back when the block raises an error.

        :raises ServiceUnavailable: when the database cannot be reached, or the connection is lost.
        :raises AccessDenied: when the database refuses the login, or a right is missing.
        :raises ConfigurationError: when a table is missing, or TLS fails.
        :raises BadData: when PostgreSQL cannot hold a value.
        """
        try:
            with self.engine.begin() as connection:
                yield connection
        except DBAPIError as error:
            raise translate(self.address, error, error.orig) from None
        except psycopg.Error as error:  # from a COPY, which does not pass through SQLAlchemy
            raise translate(self.address, error, error) from None

    @contextmanager
    def session(self) -> Iterator[Connection]:
        """A session without a transaction, for locks that PostgreSQL releases with the session.

        :raises ServiceUnavailable: when the database cannot be reached; other errors as :meth:`begin`.
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
