"""When rows close, and which values they have."""

from __future__ import annotations

import numpy as np
import pytest

from tfstream.core.messages.codec import Codec
from tfstream.core.reading import Reading, Values
from tfstream.core.stream import Layout, StreamDefinition
from tfstream.core.windowing.asset_track import AssetTrack
from tfstream.core.windowing.grid import Grid, Row
from tfstream.core.windowing.window import WindowBuffer, WindowShape, needed_from, step_rows

NAN = float("nan")


def grid(lateness_us: int = 0) -> Grid:
    return Grid(interval_us=10, lateness_us=lateness_us, gap_rows=20)


def cells(*values: float) -> Values:
    return np.array(values, dtype=np.float32)


def numbers(rows: list[Row]) -> list[int]:
    return [row.number for row in rows]


def test_a_complete_row_closes_at_once() -> None:
    assert numbers(grid().push(105, cells(1, 2), 0, 0)) == [10]


def test_an_incomplete_row_waits_for_the_next() -> None:
    open_rows = grid()
    assert open_rows.push(100, cells(1, NAN), 0, 0) == []
    rows = open_rows.push(110, cells(3, NAN), 1, 0)
    assert numbers(rows) == [10]
    np.testing.assert_array_equal(rows[0].values, cells(1, NAN))


def test_messages_of_one_row_are_merged_and_the_later_value_counts() -> None:
    open_rows = grid(lateness_us=10)
    open_rows.push(100, cells(1, NAN), 0, 0)
    open_rows.push(104, cells(NAN, 2), 1, 0)
    open_rows.push(102, cells(5, NAN), 2, 0)
    (row,) = open_rows.push(120, cells(0, 0), 3, 0)
    np.testing.assert_array_equal(row.values, cells(5, 2))
    assert row.anchor is not None
    assert (row.anchor.offset, row.last_offset) == (0, 2)


def test_lateness_puts_readings_in_order() -> None:
    open_rows = grid(lateness_us=20)
    pushed = [open_rows.push(time, cells(time, 0), i, 0) for i, time in enumerate((100, 120, 110, 150))]
    assert [numbers(rows) for rows in pushed] == [[], [], [], [10, 11, 12]]


def test_a_late_reading_is_counted_and_changes_nothing() -> None:
    open_rows = grid()
    open_rows.push(100, cells(1, 1), 0, 0)
    open_rows.push(200, cells(1, 1), 1, 0)
    assert open_rows.push(150, cells(9, 9), 2, 0) == []
    assert open_rows.late == 1


def test_gaps_give_empty_rows_and_after_long_gaps_rows_start_again() -> None:
    open_rows = grid()
    open_rows.push(0, cells(1, 1), 0, 0)
    rows = open_rows.push(40, cells(1, 1), 1, 0)
    assert [(row.number, row.values is None) for row in rows] == [(1, True), (2, True), (3, True), (4, False)]
    assert len(open_rows.push(100_000, cells(1, 1), 2, 0)) == 20 + 1


def test_missing_cells_keep_their_value_for_a_while() -> None:
    window = WindowBuffer(WindowShape(rows=4, hop=1, step=1), 2, 2)
    window.push(0, cells(1, 7))
    for number in (1, 2):
        assert window.push(number, cells(2, NAN)) is None
    values = window.push(3, cells(2, NAN))
    assert values is not None
    np.testing.assert_array_equal(values[:, 1], cells(7, 7, 7, NAN))


def test_windows_end_on_the_hop() -> None:
    window = WindowBuffer(WindowShape(rows=8, hop=4, step=4), 1, 1)
    ends = [number for number in range(5, 40) if window.push(number, cells(number)) is not None]
    assert ends == [15, 19, 23, 27, 31, 35, 39]


@pytest.mark.parametrize("step", [1, 2, 4])
def test_windows_end_every_step_and_keep_their_rows(step: int) -> None:
    """Later rows, and rows after a jump, do not change a window that was given before."""
    window = WindowBuffer(WindowShape(rows=8, hop=4, step=step), 1, 1)
    numbers = [*range(5, 40), *range(103, 140)]
    pushed = {number: window.push(number, cells(number)) for number in numbers}
    windows = {number: values for number, values in pushed.items() if values is not None}
    ends = [number for number in numbers if (number + 1) % step == 0]
    assert list(windows) == [number for number in ends if 12 <= number < 40 or number >= 110]
    for number, values in windows.items():
        assert values[:, 0].tolist() == list(range(number - 7, number + 1))


def test_nobody_can_change_a_window() -> None:
    window = WindowBuffer(WindowShape(rows=4, hop=2, step=1), 1, 1)
    values = [window.push(number, cells(number)) for number in range(4)][-1]
    assert values is not None
    with pytest.raises(ValueError, match="read-only"):
        values[0] = 9.0


def test_slow_streams_have_a_window_for_every_row() -> None:
    assert [step_rows(seconds * 1_000_000, 8) for seconds in (1, 9, 10, 60)] == [8, 8, 1, 1]


def test_every_hop_ends_with_a_window() -> None:
    shape = WindowShape(rows=64, hop=8, step=1)
    assert [end for end in range(24) if shape.ends_hop(end)] == [7, 15, 23]


def test_the_first_row_that_the_next_window_needs() -> None:
    shape = WindowShape(rows=8, hop=4, step=4)
    assert needed_from(12, shape, 0) == 8  # ends with row 15
    assert needed_from(16, shape, 0) == 12
    assert needed_from(16, shape, 3) == 9
    every_row = WindowShape(rows=8, hop=4, step=1)
    assert [needed_from(number, every_row, 3) for number in (12, 13, 16)] == [2, 3, 6]


def test_long_format_fills_rows() -> None:
    definition = StreamDefinition(topic="t", sensors=("a", "b"), interval_us=1_000_000, layout=Layout.LONG)
    codec = Codec(definition)
    track = AssetTrack(definition, WindowShape(rows=4, hop=4, step=4))
    windows = []
    for offset in range(16):
        sensor, second = "ab"[offset % 2], offset // 2
        message = f'{{"ts": {1000000000 + second}, "asset": "x", "sensor": "{sensor}", "value": {offset}}}'
        reading: Reading = codec.decode(message.encode(), None, None)
        windows += track.push(reading.time_us, reading.values, offset, 0)
    assert [window.values.tolist() for window in windows] == [
        [[0, 1], [2, 3], [4, 5], [6, 7]],
        [[8, 9], [10, 11], [12, 13], [14, 15]],
    ]
    assert (windows[1].first_offset, windows[1].last_offset) == (8, 15)
    assert codec.unknown_fields == {}
