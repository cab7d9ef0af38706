"""Offsets in PostgreSQL move by compare and swap, with the rows that they count."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.integration.support import examples
from tests.integration.support.connections import wait_until_blocked
from tfstream.storage import progress, readings
from tfstream.storage.database import Database
from tfstream.storage.progress import OffsetConflict

pytestmark = pytest.mark.postgres


def test_offsets_move_by_compare_and_swap(database: Database) -> None:
    with database.begin() as connection:
        progress.advance(connection, "record", examples.TOPIC, 0, None, 10)
        progress.advance(connection, "record", examples.TOPIC, 3, None, 5)
        progress.advance(connection, "sink", examples.TOPIC, 0, None, 2)
        progress.advance(connection, "record", examples.TOPIC, 0, 10, 20)
        assert progress.next_offsets(connection, "record", examples.TOPIC) == {0: 20, 3: 5}
        assert progress.next_offsets(connection, "record", "other.sensors") == {}


@pytest.mark.parametrize(("partition", "expected"), [(0, 9), (0, None), (1, 0)])
def test_a_conflict_rolls_back_the_whole_transaction(
    database: Database, stream_id: int, partition: int, expected: int | None
) -> None:
    with database.begin() as connection:
        progress.advance(connection, "record", examples.TOPIC, 0, None, 10)

    def store() -> None:
        with database.begin() as connection:
            readings.write(connection, stream_id, ["a"], examples.times(0), examples.cells([1, 2, 3]))
            progress.advance(connection, "record", examples.TOPIC, partition, expected, 30)

    with pytest.raises(OffsetConflict, match=f"partition {partition} of {examples.TOPIC}"):
        store()
    with database.begin() as connection:
        assert progress.next_offsets(connection, "record", examples.TOPIC) == {0: 10}
        assert readings.span(connection, stream_id) is None


@pytest.mark.parametrize("offset_exists", [True, False])
def test_only_one_of_two_concurrent_transactions_moves_an_offset(
    database: Database, offset_exists: bool
) -> None:
    if offset_exists:
        with database.begin() as connection:
            progress.advance(connection, "record", examples.TOPIC, 0, None, 10)
    expected = 10 if offset_exists else None

    def advance() -> None:
        with database.begin() as connection:
            progress.advance(connection, "record", examples.TOPIC, 0, expected, 30)

    with ThreadPoolExecutor() as pool:
        with database.begin() as connection:
            progress.advance(connection, "record", examples.TOPIC, 0, expected, 20)
            second = pool.submit(advance)
            wait_until_blocked(database)
        with pytest.raises(OffsetConflict):
            second.result()
    with database.begin() as connection:
        assert progress.next_offsets(connection, "record", examples.TOPIC) == {0: 20}
