"""By how much sensors have left their levels, judged by what all other sensors say."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tfstream.core.reading import Values
from tfstream.model.witnesses.comparison import RowComparison

_CLEAR = 1.3  # of what one of a hundred normal levels exceeds: smaller departures come and go

Array = NDArray[np.float64]


class EstimatedShift(NamedTuple):
    """The sensors that have shifted, by column, and by how many standard units each."""

    sensors: tuple[int, ...]
    sizes: tuple[float, ...]


def estimate_shift(comparison: RowComparison, level: Values) -> EstimatedShift:
    """The shift that explains the departures of a level ``[sensors]``, with as few sensors as do.

    The sensor that departs most joins, then the sizes of all that have joined are estimated together, until
    no other sensor departs clearly.
    """
    precision, root = comparison.precision, comparison.root.double().numpy()
    usual = comparison.usual.double().numpy()
    row = (level - comparison.mean.numpy()).astype(np.float64)
    joined: list[int] = []
    sizes: Array = np.empty(0)
    left = row
    while len(joined) < len(row):
        relative = np.abs(precision @ left / root) / usual
        relative[joined] = 0.0
        sensor = int(relative.argmax())
        if relative[sensor] <= _CLEAR:
            break
        joined.append(sensor)
        sizes = np.linalg.solve(precision[np.ix_(joined, joined)], (precision @ row)[joined])
        left = row.copy()
        left[joined] -= sizes
    return EstimatedShift(tuple(joined), tuple(sizes.tolist()))
