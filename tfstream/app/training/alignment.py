"""Stored readings on the grid."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tfstream.core.reading import Series
from tfstream.core.stream import StreamDefinition
from tfstream.core.windowing.window import align


def aligned_pieces(series: Series, definition: StreamDefinition) -> Iterator[Series]:
    """A series on the regular grid, in pieces: a gap longer than the filling and a hop separates two."""
    if not len(series.times_us):
        return
    widest_us = (definition.staleness_rows + 8) * definition.interval_us
    cuts = np.flatnonzero(np.diff(series.times_us) > widest_us) + 1
    for times_us, values in zip(np.split(series.times_us, cuts), np.split(series.values, cuts), strict=True):
        first, grid = align(
            times_us,
            values,
            interval_us=definition.interval_us,
            staleness=definition.staleness_rows,
            closes_early=definition.lateness_us == 0,
        )
        regular = (first + np.arange(len(grid), dtype=np.int64)) * definition.interval_us
        yield Series(series.asset, regular, grid)
