"""Database connections: with the rights of another role, and several that use the same rows at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from typing import TypeVar

from sqlalchemy import Connection, text

from tests.integration.support.commands import wait_until
from tfstream.storage.database import Database

_Result = TypeVar("_Result")
_WAITING = """
SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
"""


@contextmanager
def transaction(url: str) -> Iterator[Connection]:
    """One transaction in a new connection."""
    with closing(Database(url)) as database, database.begin() as connection:
        yield connection


def acting_as(url: str, role: str) -> str:
    """URL of the same database with the rights of ``role`` for any login."""
    return f"{url}?options=-crole%3D{role}"


def run_concurrently(job: Callable[[], _Result], times: int) -> list[_Result]:
    """Run the job in ``times`` threads; returns all results, or raises the first error."""
    with ThreadPoolExecutor(times) as pool:
        return [future.result() for future in [pool.submit(job) for _ in range(times)]]


def wait_until_blocked(database: Database, connections: int = 1) -> None:
    """Wait until this number of connections to the database wait for a lock."""

    def blocked() -> bool:
        with database.begin() as connection:
            return bool(connection.execute(text(_WAITING)).scalar_one() >= connections)

    wait_until(blocked, f"{connections} connections waited for a lock", timeout_s=30.0)
