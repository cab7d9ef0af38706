"""Connections: with another role's rights, and several that meet at the same rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from typing import TypeVar

from sqlalchemy import Connection, text

from tests.integration.commands import wait_until
from tfstream.storage.database import Database

_Result = TypeVar("_Result")
_WAITING = """
SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
"""


@contextmanager
def transaction(url: str) -> Iterator[Connection]:
    """One transaction."""
    with closing(Database(url)) as database, database.begin() as connection:
        yield connection


def acting_as(url: str, role: str) -> str:
    """The same database with the rights of a role, whoever logs in."""
    return f"{url}?options=-crole%3D{role}"


def run_concurrently(job: Callable[[], _Result], times: int) -> list[_Result]:
    """The same job in so many threads; the first error of any is raised."""
    with ThreadPoolExecutor(times) as pool:
        return [running.result() for running in [pool.submit(job) for _ in range(times)]]


def wait_until_blocked(database: Database, connections: int = 1) -> None:
    """Until so many connections to the database wait for a lock."""

    def blocked() -> bool:
        with database.begin() as connection:
            return bool(connection.execute(text(_WAITING)).scalar_one() >= connections)

    wait_until(blocked, f"{connections} connections waited for a lock", timeout_s=30.0)
