"""The alarm rule of the peers: a statistic over its threshold after it was below for 16 rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from tests.studies.quality.alarms.peers.statistics import Array

SEPARATION_ROWS = 16


class Crossing(NamedTuple):
    """Rows ``first`` to ``stop`` over a threshold, with gaps of at most 16 rows; ``statistic`` began it."""

    first: int
    stop: int
    statistic: int


def crossings(values: Array, thresholds: Sequence[float]) -> list[Crossing]:
    """The alarms of ``values [rows, statistics]``; NaN is below every threshold."""
    excess = values - np.asarray(thresholds)
    over = np.flatnonzero((excess > 0).any(axis=1))
    if not len(over):
        return []
    runs = np.split(over, np.flatnonzero(np.diff(over) > SEPARATION_ROWS) + 1)
    return [
        Crossing(int(run[0]), int(run[-1]) + 1, int(np.nanargmax(_relative(excess[run[0]], thresholds))))
        for run in runs
    ]


def _relative(excess: Array, thresholds: Sequence[float]) -> Array:
    """How far each statistic is over its threshold, in thresholds."""
    relative: Array = excess / np.maximum(np.abs(thresholds), 1e-12)
    return relative
