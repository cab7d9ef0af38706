"""Merging a whole batch gives the same rows as merging its readings in order."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tfstream.core.messages.reading_batch import Key, ReadingBatch, concatenate, merge

SENSORS = 3
READING = st.tuples(
    st.sampled_from(["a", "b"]),
    st.integers(0, 3),
    st.lists(st.sampled_from([np.nan, 1.0, 2.0, 3.0]), min_size=SENSORS, max_size=SENSORS),
)


def batch(readings: list[tuple[str, int, list[float]]]) -> ReadingBatch:
    return ReadingBatch(
        [asset for asset, _, _ in readings],
        np.array([time_us for _, time_us, _ in readings], dtype=np.int64),
        np.array([cells for _, _, cells in readings], dtype=np.float32).reshape(-1, SENSORS),
    )


def merge_in_order(readings: list[tuple[str, int, list[float]]]) -> dict[Key, list[float]]:
    """Rows in the order of their first reading; the later value of a cell wins."""
    rows: dict[Key, list[float]] = {}
    for asset, time_us, cells in readings:
        if not np.isnan(cells).all():
            row = rows.setdefault((asset, time_us), [np.nan] * SENSORS)
            row[:] = [old if np.isnan(new) else new for old, new in zip(row, cells, strict=True)]
    return rows


@settings(max_examples=300, derandomize=True, deadline=None)
@given(st.lists(READING, max_size=20))
def test_the_later_value_of_a_cell_wins(readings: list[tuple[str, int, list[float]]]) -> None:
    merged, expected = merge(batch(readings)), merge_in_order(readings)
    assert merged.row_keys() == list(expected)
    np.testing.assert_array_equal(merged.values, np.array(list(expected.values())).reshape(-1, SENSORS))


@settings(max_examples=100, derandomize=True, deadline=None)
@given(st.lists(READING, max_size=20), st.integers(0, 20))
def test_merging_in_two_parts_equals_merging_at_once(
    readings: list[tuple[str, int, list[float]]], cut: int
) -> None:
    whole = merge(batch(readings))
    parts = merge(concatenate([merge(batch(readings[:cut])), merge(batch(readings[cut:]))]))
    assert parts.row_keys() == whole.row_keys()
    np.testing.assert_array_equal(parts.values, whole.values)
