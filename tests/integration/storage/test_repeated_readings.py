"""Readings that arrive in slices and repeatedly: stored as if they had arrived one after the other."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from tests.integration.support import examples
from tfstream.core.messages.reading_batch import ReadingBatch, concatenate, merge
from tfstream.storage import partitions, readings
from tfstream.storage.database import Database
from tfstream.storage.reading_copy import ReadingCopy

pytestmark = pytest.mark.postgres


def random_rows(rng: np.random.Generator, count: int, minutes: int) -> ReadingBatch:
    """Rows of three assets within the first ``minutes``; half of the cells are missing."""
    values = rng.normal(size=(count, 3)).astype(np.float32)
    values[rng.random(values.shape) < 0.5] = np.nan
    times = examples.MONDAY_US + rng.integers(0, minutes, count) * examples.MINUTE_US
    return merge(ReadingBatch([f"pump {number}" for number in rng.integers(0, 3, count)], times, values))


@pytest.mark.parametrize("minutes", [3, 40, 5000], ids=["all repeated", "some repeated", "few repeated"])
def test_a_row_may_arrive_in_any_slice_of_any_transaction(
    database: Database, stream_id: int, minutes: int
) -> None:
    """Within a slice, a transaction, or from an earlier transaction: the later value wins."""
    rng = np.random.default_rng(minutes)
    reading_copy, written = ReadingCopy(stream_id), []
    for _ in range(6):
        slices = [random_rows(rng, 20, minutes) for _ in range(4)]
        with database.begin() as connection:
            assert reading_copy.write(connection, iter(slices)) == 4
        written += slices
    expected = merge(concatenate(written))
    with database.begin() as connection:
        for asset in set(expected.assets):
            of_asset = np.array([name == asset for name in expected.assets])
            order = np.argsort(expected.times_us[of_asset])
            stored = readings.read(connection, stream_id, asset, None, None, 3)
            np.testing.assert_array_equal(stored.times_us, expected.times_us[of_asset][order])
            np.testing.assert_array_equal(stored.values, expected.values[of_asset][order])


def test_rows_that_were_rolled_back_are_written_again(database: Database, stream_id: int) -> None:
    """The copy remembers written rows; after a rollback it must not skip them."""
    reading_copy, rng = ReadingCopy(stream_id), np.random.default_rng(1)
    batch = random_rows(rng, 50, 5000)
    with database.begin() as connection:
        reading_copy.write(connection, iter([batch]))
        connection.rollback()
    with database.begin() as connection:
        assert readings.span(connection, stream_id) is None
        reading_copy.write(connection, iter([batch]))
        assert readings.span(connection, stream_id) == (*_first_and_last(batch), len(batch.assets))


def test_a_day_without_a_partition_starts_a_new_transaction(database: Database, stream_id: int) -> None:
    reading_copy, rng = ReadingCopy(stream_id), np.random.default_rng(2)
    monday = random_rows(rng, 20, 40)
    tuesday = monday._replace(times_us=monday.times_us + examples.DAY_US)
    slices = [monday, tuesday, monday._replace(times_us=monday.times_us + examples.HOUR_US)]
    with database.begin() as connection:
        partitions.drop_before(connection, "reading", date.max)
    with database.begin() as connection:
        assert reading_copy.write(connection, iter(slices)) == 1
    with database.begin() as connection:
        assert reading_copy.write(connection, iter(slices[1:])) == 2
    with database.begin() as connection:
        assert readings.span(connection, stream_id) == (
            _first_and_last(monday)[0],
            _first_and_last(tuesday)[1],
            3 * len(monday.assets),
        )


def test_empty_slices_write_no_rows(database: Database, stream_id: int) -> None:
    empty = merge(ReadingBatch([], np.empty(0, np.int64), np.empty((0, 3), np.float32)))
    with database.begin() as connection:
        assert ReadingCopy(stream_id).write(connection, iter([])) == 0
        assert ReadingCopy(stream_id).write(connection, iter([empty, empty])) == 2
        assert readings.span(connection, stream_id) is None


def _first_and_last(batch: ReadingBatch) -> tuple[int, int]:
    return int(batch.times_us.min()), int(batch.times_us.max())
