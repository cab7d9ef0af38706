"""Translates errors of the PostgreSQL driver into the errors of this program."""

from __future__ import annotations

import re

import psycopg
from psycopg import errors
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

from tfstream.errors import AccessDenied, BadData, ConfigurationError, ServiceUnavailable

# An error while connecting has no SQLSTATE; libpq gives only a message.
_LOGIN = re.compile(
    r"authentication failed|no password supplied|no pg_hba\.conf entry|role .* does not exist"
    r"|is not permitted to log in|client certificate|pg_hba\.conf rejects|permission denied for database"
)
_TLS = re.compile(r"\bSSL\b|certificate|sslmode|does not match host name")
_OPTION = re.compile(r"invalid connection option|invalid (integer |)value|invalid .* value:|^bad value for")
_PREFIX = re.compile(r"^connection (failed|is bad): (connection to server at .*? failed: )?(FATAL: +)?")
_SEVERAL = "Multiple connection attempts failed"
_URL = "TFSTREAM_DATABASE_URL"


class OutOfLocks(ConfigurationError):
    """A transaction touches more partitions than the server has locks for; use smaller transactions."""


def translate(address: str, error: Exception, cause: BaseException | None) -> Exception:
    """The program's error for an error of SQLAlchemy or of the driver; ``cause`` is the driver's.

    ``address`` names the database in the message and must hold no password. An unknown error is returned
    unchanged.
    """
    detail = _detail(cause)
    if isinstance(cause, errors.UndefinedTable | errors.UndefinedColumn):
        return ConfigurationError(f"{address}: {detail}; run `tfstream db upgrade`")
    if isinstance(cause, psycopg.DataError):
        return BadData(f"{address} refuses a value: {detail}")
    if isinstance(cause, errors.InsufficientPrivilege):
        return AccessDenied(
            f"{address}: {detail}; grant the role tfstream_write, or the narrower one of docs/security.md, "
            f"to this user"
        )
    if isinstance(cause, errors.OutOfMemory | errors.ConfigurationLimitExceeded):
        return OutOfLocks(
            f"{address}: {detail}; raise max_locks_per_transaction of the server, or write less at a time"
        )
    if isinstance(cause, errors.ReadOnlySqlTransaction):  # a standby server, or a service with a full disk
        return ServiceUnavailable(f"PostgreSQL at {address} takes no writes ({detail}); is its disk full?")
    if _OPTION.search(detail):
        return ConfigurationError(f"an option in {_URL} is wrong: {detail}")
    lost = isinstance(error, DBAPIError) and error.connection_invalidated
    if lost or isinstance(error, OperationalError | InterfaceError | psycopg.OperationalError):
        return _connection_failed(address, detail, cause)
    return error


def _connection_failed(address: str, detail: str, cause: BaseException | None) -> Exception:
    connecting = getattr(cause, "sqlstate", None) is None
    if connecting and _LOGIN.search(detail):
        return AccessDenied(
            f"PostgreSQL at {address} refuses the login ({detail}); "
            f"check user, password and sslmode in {_URL}"
        )
    if connecting and _TLS.search(detail):
        return ConfigurationError(
            f"TLS with PostgreSQL at {address} fails ({detail}); check sslmode and sslrootcert in {_URL}"
        )
    return ServiceUnavailable(f"PostgreSQL at {address} cannot be used ({detail}); is it running?")


def _detail(cause: BaseException | None) -> str:
    """The driver's message as one line; for a host with several addresses, that of the last address."""
    lines = str(cause).strip().splitlines()
    if not lines:
        return type(cause).__name__
    if lines[0].startswith(_SEVERAL):
        last = next((line for line in reversed(lines) if line.startswith("- ")), lines[-1])
        return _PREFIX.sub("", re.sub(r"^- .*?: (?=connection )", "", last))
    return _PREFIX.sub("", lines[0])
