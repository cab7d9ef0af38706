"""Readings that come in slices: stored as if they had come one after the other."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from tests.integration import examples
from tfstream.core.messages.reading_batch import ReadingBatch, concatenate, merge
from tfstream.storage import partitions, readings
from tfstream.storage.database import Database
from tfstream.storage.reading_copy import ReadingCopy

pytestmark = pytest.mark.postgres


@pytest.fixture
def stream_id(database: Database) -> int:
    with database.begin() as connection:
        return examples.add_stream(connection)


def some(rng: np.random.Generator, count: int, moments: int) -> ReadingBatch:
    """Rows of three assets, half of their cells known."""
    values = rng.normal(size=(count, 3)).astype(np.float32)
    values[rng.random(values.shape) < 0.5] = np.nan
    times = examples.MONDAY_US + rng.integers(0, moments, count) * examples.MINUTE_US
    return merge(ReadingBatch([f"pump {number}" for number in rng.integers(0, 3, count)], times, values))


@pytest.mark.parametrize("moments", [3, 40, 5000], ids=["all again", "some again", "few again"])
def test_a_moment_may_come_in_any_slice_of_any_transaction(
    database: Database, stream_id: int, moments: int
) -> None:
    """Within a slice, within a transaction, from the last one or from before it: the later value wins."""
    rng = np.random.default_rng(moments)
    inflow, written = ReadingCopy(stream_id), []
    for _ in range(6):
        slices = [some(rng, 20, moments) for _ in range(4)]
        with database.begin() as connection:
            assert inflow.write(connection, iter(slices)) == 4
        written += slices
    wanted = merge(concatenate(written))
    with database.begin() as connection:
        for asset in set(wanted.assets):
            own = np.array([name == asset for name in wanted.assets])
            order = np.argsort(wanted.times_us[own])
            found = readings.read(connection, stream_id, asset, None, None, 3)
            np.testing.assert_array_equal(found.times_us, wanted.times_us[own][order])
            np.testing.assert_array_equal(found.values, wanted.values[own][order])


def test_what_was_rolled_back_is_written_again(database: Database, stream_id: int) -> None:
    """The inflow took those rows for written; they are not, and must not be passed over."""
    inflow, rng = ReadingCopy(stream_id), np.random.default_rng(1)
    part = some(rng, 50, 5000)
    with database.begin() as connection:
        inflow.write(connection, iter([part]))
        connection.rollback()
    with database.begin() as connection:
        assert readings.span(connection, stream_id) is None
        inflow.write(connection, iter([part]))
        assert readings.span(connection, stream_id) == (*_ends(part), len(part.assets))


def test_a_day_without_a_partition_begins_a_transaction(database: Database, stream_id: int) -> None:
    inflow, rng = ReadingCopy(stream_id), np.random.default_rng(2)
    monday = some(rng, 20, 40)
    tuesday = monday._replace(times_us=monday.times_us + examples.DAY_US)
    slices = [monday, tuesday, monday._replace(times_us=monday.times_us + examples.HOUR_US)]
    with database.begin() as connection:
        partitions.drop_before(connection, "reading", date.max)
    with database.begin() as connection:
        assert inflow.write(connection, iter(slices)) == 1
    with database.begin() as connection:
        assert inflow.write(connection, iter(slices[1:])) == 2
    with database.begin() as connection:
        assert readings.span(connection, stream_id) == (
            _ends(monday)[0],
            _ends(tuesday)[1],
            3 * len(monday.assets),
        )


def test_nothing_is_written_of_nothing(database: Database, stream_id: int) -> None:
    nothing = merge(ReadingBatch([], np.empty(0, np.int64), np.empty((0, 3), np.float32)))
    with database.begin() as connection:
        assert ReadingCopy(stream_id).write(connection, iter([])) == 0
        assert ReadingCopy(stream_id).write(connection, iter([nothing, nothing])) == 2
        assert readings.span(connection, stream_id) is None


def _ends(batch: ReadingBatch) -> tuple[int, int]:
    return int(batch.times_us.min()), int(batch.times_us.max())
