"""Readings in PostgreSQL: a later write fills empty cells, and reading returns the same float32 values."""

from __future__ import annotations

import numpy as np
import pytest
from sqlalchemy import text

from tests.integration.support import examples
from tfstream.app.files.load import load
from tfstream.app.files.sensor_table import SensorTable
from tfstream.core.reading import Values
from tfstream.errors import BadData
from tfstream.storage import partitions, readings, streams
from tfstream.storage.database import Database

pytestmark = pytest.mark.postgres

NAN = float("nan")
LARGEST = float(np.finfo(np.float32).max)
SMALLEST = float(np.finfo(np.float32).smallest_subnormal)
AWKWARD = 'O\'Brien \\ 100 %s {asset} :since "q" $1'


def test_reading_returns_what_was_written(database: Database, stream_id: int) -> None:
    written = examples.cells(
        [1.5, NAN, -0.0],
        [LARGEST, -LARGEST, SMALLEST],
        [NAN, NAN, NAN],
        [0.1, -SMALLEST, 3e-39],
        [5, 6, 7],
    )
    assets = ["a", "Anlage-ü", "水処理場-第二", AWKWARD, "a"]
    times_us = examples.times(0, 1, 2, 3, 4) + np.array(
        [0, 1, 999_999, 2 * examples.DAY_US, -examples.HOUR_US]
    )
    with database.begin() as connection:
        assert readings.write(connection, stream_id, assets, times_us, written) == 5
        assert readings.assets(connection, stream_id, None, None) == sorted(set(assets))
        for asset in set(assets):
            positions = np.flatnonzero([name == asset for name in assets])
            positions = positions[np.argsort(times_us[positions])]
            series = readings.read(connection, stream_id, asset, None, None, 3)
            assert series.asset == asset
            np.testing.assert_array_equal(series.times_us, times_us[positions])
            same_bits(series.values, written[positions])
        expected = ["reading_20260104", "reading_20260105", "reading_20260107"]
        assert partitions.list_all(connection, "reading") == expected
        assert readings.span(connection, stream_id) == (times_us.min(), times_us.max(), 5)


def test_a_span_includes_both_ends_and_only_its_own_stream(database: Database, stream_id: int) -> None:
    minutes = examples.times(0, 1, 2, 3)
    with database.begin() as connection:
        other = examples.add_stream(connection, "other.sensors")
        readings.write(connection, stream_id, ["a", "a", "a", "b"], minutes, examples.cells(*[[1, 2, 3]] * 4))
        readings.write(connection, other, ["a"], minutes[:1], examples.cells([9, 9, 9]))
        since, until = int(minutes[1]), int(minutes[2])
        assert readings.read(connection, stream_id, "a", since, until, 3).times_us.tolist() == [since, until]
        assert readings.assets(connection, stream_id, since, until) == ["a"]
        assert readings.assets(connection, stream_id, int(minutes[3]), None) == ["b"]
        empty = readings.read(connection, stream_id, "unknown", None, None, 3)
        assert empty.values.shape == (0, 3)
        assert readings.span(connection, examples.add_stream(connection, "third.sensors")) is None


def test_writing_the_same_readings_again_changes_nothing(database: Database, stream_id: int) -> None:
    written = examples.cells([1, NAN, -0.0], [NAN, NAN, NAN])
    for _ in range(2):
        with database.begin() as connection:
            readings.write(connection, stream_id, ["a", "b"], examples.times(0, 0), written)
    with database.begin() as connection:
        assert readings.span(connection, stream_id) == (examples.MONDAY_US, examples.MONDAY_US, 2)
        for row, asset in enumerate("ab"):
            same_bits(readings.read(connection, stream_id, asset, None, None, 3).values, written[[row]])


def test_a_later_write_fills_and_replaces_cells_and_empties_none(database: Database, stream_id: int) -> None:
    steps = [[1, NAN, 3], [NAN, 2, NAN], [NAN, NAN, -0.0]]
    with database.begin() as connection:
        for step in steps:  # the second merge of a transaction needs the first merge's table empty
            readings.write(
                connection, stream_id, ["a", AWKWARD], examples.times(0, 0), examples.cells(step, step)
            )
        last = examples.cells([7, NAN, NAN], [8, 8, 8])
        readings.write(connection, stream_id, ["a", "b"], examples.times(0, 1), last)
        for asset, merged in {"a": [7.0, 2, -0.0], AWKWARD: [1.0, 2, -0.0], "b": [8.0, 8, 8]}.items():
            series = readings.read(connection, stream_id, asset, None, None, 3)
            same_bits(series.values, examples.cells(merged))


def test_rows_written_before_a_sensor_was_added_are_padded(database: Database, stream_id: int) -> None:
    with database.begin() as connection:
        readings.write(
            connection, stream_id, ["a", "a"], examples.times(0, 2), examples.cells([1, 2], [3, 4])
        )
        readings.write(connection, stream_id, ["a"], examples.times(1), examples.cells([5, 6, 7]))
        series = readings.read(connection, stream_id, "a", None, None, 3)
        assert series.times_us.tolist() == examples.times(0, 1, 2).tolist()
        same_bits(series.values, examples.cells([1, 2, NAN], [5, 6, 7], [3, 4, NAN]))
        same_bits(
            readings.read(connection, stream_id, "a", None, None, 1).values, examples.cells([1], [5], [3])
        )
        longer = examples.cells([NAN, 9, NAN], [NAN, NAN, 10])
        readings.write(connection, stream_id, ["a", "a"], examples.times(0, 2), longer)
        merged = readings.read(connection, stream_id, "a", None, None, 3)
        same_bits(merged.values, examples.cells([1, 9, NAN], [5, 6, 7], [3, 4, 10]))


def test_a_load_that_fails_stores_nothing(database: Database) -> None:
    table = SensorTable(
        source="history.csv",
        sensors=("level",),
        assets=["a", "a", "b\x00"],  # PostgreSQL cannot store this text
        times_us=examples.times(0, 1, 1),
        values=examples.cells([1], [2], [3]),
    )
    with pytest.raises(BadData, match="refuses a value"):
        load(database, table, examples.TOPIC)
    with database.begin() as connection:
        assert streams.find(connection, examples.TOPIC) is None
        assert connection.execute(text("SELECT count(*) FROM reading")).scalar() == 0


def same_bits(actual: Values, expected: Values) -> None:
    """Assert equal float32 values, negative zeros and missing cells included."""
    assert actual.dtype == np.float32
    np.testing.assert_array_equal(actual, expected)
    known = ~np.isnan(expected)
    np.testing.assert_array_equal(np.signbit(actual[known]), np.signbit(expected[known]))
