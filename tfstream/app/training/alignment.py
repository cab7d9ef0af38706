"""Stored readings on the regular grid of a stream."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tfstream.core.reading import Series
from tfstream.core.stream import StreamDefinition
from tfstream.core.windowing.window import align


def aligned_pieces(series: Series, definition: StreamDefinition, hop_rows: int) -> Iterator[Series]:
    """The series on the regular grid, cut at every gap longer than ``staleness_rows + hop_rows``.

    A missing cell carries the last value for ``staleness_rows``; after a hop more without readings, the rows
    on both sides of the gap no longer belong together. Each piece has ``times_us [rows]`` and
    ``values [rows, sensors]``, NaN where a value is missing.
    """
    if not len(series.times_us):
        return
    longest_gap_us = (definition.staleness_rows + hop_rows) * definition.interval_us
    cuts = np.flatnonzero(np.diff(series.times_us) > longest_gap_us) + 1
    for times_us, values in zip(np.split(series.times_us, cuts), np.split(series.values, cuts), strict=True):
        first_row, grid = align(
            times_us,
            values,
            interval_us=definition.interval_us,
            staleness=definition.staleness_rows,
            closes_early=definition.lateness_us == 0,
        )
        grid_times_us = (first_row + np.arange(len(grid), dtype=np.int64)) * definition.interval_us
        yield Series(series.asset, grid_times_us, grid)
