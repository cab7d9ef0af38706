"""Aligning a whole series at once, as training does, gives the same rows as the stream does."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tfstream.core.windowing.grid import Grid
from tfstream.core.windowing.window import WindowBuffer, WindowShape, align

SHAPE = WindowShape(rows=8, hop=1, step=1)


@settings(max_examples=200, derandomize=True, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 12), st.sampled_from([1.0, 2.0, float("nan")])), min_size=10, max_size=60
    ),
    st.integers(0, 4),
)
def test_align_equals_the_stream(steps: list[tuple[int, float]], staleness: int) -> None:
    times = np.cumsum([step for step, _ in steps]) * 5
    values = np.array([[value, -value] for _, value in steps], dtype=np.float32)
    first, whole = align(times, values, interval_us=10, staleness=staleness)

    grid = Grid(interval_us=10, lateness_us=0, gap_rows=1000)
    window = WindowBuffer(SHAPE, 2, staleness)
    rows: dict[int, bytes] = {}
    for offset, (time_us, value) in enumerate(zip(times.tolist(), values, strict=True)):
        for row in grid.push(time_us, value.copy(), offset, 0):
            completed = window.push(row.number, row.values)
            if completed is not None:
                rows[row.number] = completed.tobytes()
    for number, window_bytes in rows.items():
        end = number - first + 1
        assert whole[end - SHAPE.rows : end].tobytes() == window_bytes
