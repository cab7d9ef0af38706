"""Copies of held-out rows with a fault in one sensor, and the rows at which they raise an alarm."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tfstream.core.faults.sensor_faults import SensorFault
from tfstream.core.reading import Values

NEVER = np.iinfo(np.int64).max

Rows = NDArray[np.int64]


class FaultyCopy(NamedTuple):
    """At a site, by its number, ``sensor`` shows ``shown [rows]`` instead of its values."""

    site: int
    sensor: int
    fault: SensorFault
    shown: Values


class StandingAlarms:
    """Follows ``count`` copies row by row: an alarm begins once it has stood for ``least_rows`` rows."""

    def __init__(self, count: int, least_rows: int) -> None:
        self.rows: Rows = np.full(count, NEVER)
        self._stood = np.zeros(count, dtype=np.int64)
        self._least = max(least_rows, 1)

    def follow(self, row: int, copies: Rows, over: NDArray[np.bool_]) -> None:
        """Whether each of ``copies [n]`` is over a threshold at a row; rows come in their order."""
        self._stood[copies] = np.where(over, self._stood[copies] + 1, 0)
        raised = copies[self._stood[copies] >= self._least]
        self.rows[raised] = np.minimum(self.rows[raised], row)
