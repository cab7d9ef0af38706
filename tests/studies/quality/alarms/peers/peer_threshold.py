"""The threshold of a peer's statistic, from held-out normal rows and the alarm budget.

The statistic is counted in median distances from its median. Its excesses over the 95 % quantile, merged into
clusters that one alarm would cover, follow a generalised Pareto distribution
(:mod:`tfstream.core.alarms.pareto_tail`), as in the product.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tests.studies.quality.alarms.peers.peer_alarms import SEPARATION_ROWS
from tests.studies.quality.alarms.peers.statistics import Array
from tfstream.core.alarms.pareto_tail import cluster_peaks, fit_tail
from tfstream.errors import BadData

_QUANTILE = 0.95
_SMALLEST = 1e-9


class HeldOutStatistic(NamedTuple):
    """The ``values [n]`` of a statistic at ``rows [n]`` of a piece, of which ``span`` rows are held out."""

    rows: NDArray[np.int64]
    values: Array
    span: int

    @classmethod
    def of(cls, values: Array, first: int) -> HeldOutStatistic:
        """The rows from ``first`` on that have a value."""
        rows = np.flatnonzero(np.isfinite(values))
        rows = rows[rows >= first]
        return cls(rows, values[rows], len(values) - first)


def peer_threshold(
    held_out: Sequence[HeldOutStatistic], *, budget_per_week: float, rows_per_week: float
) -> float:
    """The value that normal rows exceed ``budget_per_week`` times a week.

    :raises BadData: when there is no value.
    """
    every = np.concatenate([piece.values for piece in held_out])
    if not len(every):
        raise BadData("too little to learn from: no held-out row has a value")
    center = float(np.median(every))
    spread = max(float(np.median(np.abs(every - center))), _SMALLEST)
    u = (float(np.quantile(every, _QUANTILE)) - center) / spread
    peaks = [
        peak
        for rows, values, _ in held_out
        for peak in cluster_peaks(rows, (values - center) / spread, u, SEPARATION_ROWS)
    ]
    sigma, xi = fit_tail(np.array(peaks) - u)
    weeks = sum(piece.span for piece in held_out) / rows_per_week
    rarity = math.log(max(max(len(peaks), 1) / weeks / budget_per_week, 1.0))
    excess = rarity if abs(xi) < _SMALLEST else math.expm1(xi * rarity) / xi
    return center + spread * (u + sigma * excess)
