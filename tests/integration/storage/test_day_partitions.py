"""Day partitions: who creates them, who waits for whom, and how old ones are dropped."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from datetime import date, timedelta

import numpy as np
import pytest
from sqlalchemy import text

from tests.integration.support import examples
from tests.integration.support.connections import run_concurrently, wait_until_blocked
from tfstream.app.files.load import load
from tfstream.app.files.sensor_table import SensorTable
from tfstream.storage import partitions, readings, scores
from tfstream.storage.database import Database

pytestmark = pytest.mark.postgres

MONDAY = date(2026, 1, 5)


def test_writing_no_rows_creates_no_partition(database: Database, stream_id: int) -> None:
    with database.begin() as connection:
        assert readings.write(connection, stream_id, [], examples.times(), np.empty((0, 3), np.float32)) == 0
        scores.write(connection, stream_id, [])
        assert partitions.list_all(connection, "reading") == partitions.list_all(connection, "score") == []


def test_two_transactions_that_create_the_same_partition_wait_for_each_other(database: Database) -> None:
    days = [MONDAY, MONDAY + timedelta(days=1)]

    def ensure() -> list[date]:
        with database.begin() as connection:
            return partitions.ensure(connection, "reading", days)

    with ThreadPoolExecutor() as pool:
        with database.begin() as connection:
            assert partitions.ensure(connection, "reading", days[:1]) == days[:1]
            second = pool.submit(ensure)
            wait_until_blocked(database)
        assert second.result() == days[1:]
    assert ensure() == []
    assert sorted(run_concurrently(lambda: ensure_partitions(database, "score", days), 3)) == [[], [], days]


def test_a_new_partition_does_not_wait_for_writers(database: Database, stream_id: int) -> None:
    with database.begin() as connection:
        partitions.ensure(connection, "reading", [MONDAY])
    with database.begin() as first, database.begin() as second:
        readings.write(first, stream_id, ["a"], examples.times(0), examples.cells([1, 2, 3]))
        second.execute(text("SET LOCAL lock_timeout = '5s'"))
        readings.write(
            second, stream_id, ["a"], examples.times(0) + examples.DAY_US, examples.cells([1, 2, 3])
        )


@pytest.mark.parametrize("known", [True, False])
def test_a_long_load_and_a_recorder_at_midnight_do_not_stop_each_other(
    database: Database, stream_id: int, known: bool
) -> None:
    """Both need new partitions: the recorder in the middle of the load, the load in its second half."""
    rows_of_file = 25_000  # more than one batch of the load; three weeks of minutes
    minutes = np.arange(rows_of_file, dtype=np.int64) * examples.MINUTE_US
    table = SensorTable(
        source="history.csv",
        sensors=examples.SENSORS,
        assets=["a"] * rows_of_file,
        times_us=examples.MONDAY_US + minutes,
        values=np.ones((rows_of_file, 3), np.float32),
    )

    def record() -> None:
        with database.begin() as connection:
            readings.write(connection, stream_id, ["b"], examples.times(-1), examples.cells([1, 2, 3]))

    recorders: list[Future[None]] = []

    def start_recorder(done: float) -> None:
        if recorders:
            return
        recorders.append(pool.submit(record))
        if known:
            recorders[0].result(timeout=20)
        else:  # the uncommitted new stream blocks new partitions; the load must not wait for the recorder
            wait_until_blocked(database)

    with ThreadPoolExecutor() as pool:
        result = load(database, table, examples.TOPIC if known else "new.sensors", progress=start_recorder)
        recorders[0].result(timeout=20)
    assert (result.rows, result.assets, result.created_stream) == (rows_of_file, 1, not known)


def test_old_partitions_are_dropped_whole(database: Database, stream_id: int) -> None:
    with database.begin() as connection:
        for table in ("reading", "score"):
            partitions.ensure(connection, table, [MONDAY + timedelta(days=day) for day in range(3)])
        readings.write(
            connection, stream_id, ["a"] * 2, examples.times(0, 24 * 60), examples.cells([1, 2, 3], [1, 2, 3])
        )
        assert partitions.drop_before(connection, "reading", MONDAY) == []
        dropped = partitions.drop_before(connection, "reading", MONDAY + timedelta(days=1))
        assert dropped == ["reading_20260105"]
        assert partitions.list_all(connection, "reading") == ["reading_20260106", "reading_20260107"]
        assert len(partitions.list_all(connection, "score")) == 3
        assert readings.span(connection, stream_id) == (*[examples.MONDAY_US + examples.DAY_US] * 2, 1)
        with pytest.raises(ValueError, match="anomaly is not partitioned"):
            partitions.drop_before(connection, "anomaly", MONDAY)


def ensure_partitions(database: Database, table: str, days: list[date]) -> list[date]:
    with database.begin() as connection:
        return partitions.ensure(connection, table, days)
