"""Which rows stand out so far from what is usual that a refit must not learn them by itself.

The rows of a fault that raised no alarm, or that lie beside its alarm, would raise the thresholds of the
next model. A run of rows is left out where normal rows would give it less than once in twenty weeks. So of
the normal peaks over a threshold for one alarm a week, a refit loses one in twenty at most.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tfstream.core.reading import Times

STANDS_OUT_PER_WEEK = 7.0  # a row stands out where normal rows reach its value less than once a day
MOST_OF_AN_ASSET = 0.2  # where more stands out, the comparison does not know what is usual for the asset
_CLEAR_FACTOR = 20  # times rarer than the budget, or than one a week where the budget is larger
_LEAST_ROWS = 16  # that stand out: a single extreme row does not leave so many behind
_LASTS_US = 24 * 3600 * 1_000_000  # what stood out for a day, with its shifts and its night, is normal now

Rates = NDArray[np.float64]


class StandingRun(NamedTuple):
    """The rows ``first`` up to ``stop`` of a piece; normal rows reach the row ``peak`` most rarely."""

    first: int
    stop: int
    peak: int


def standing_runs(
    expected_per_week: Rates, times_us: Times, margin_rows: int, budget_per_week: float
) -> list[StandingRun]:
    """The runs of rows of a piece that are not to be learnt.

    :param expected_per_week: ``[rows]``, how often in a week normal rows reach such a value; infinite where
        none of the witnesses has a value.
    :param margin_rows: rows that stand out and lie no further apart belong to one run. A shorter run is
        learnt: events of normal work, such as the start of a pump that stands by, are as rare as a fault.
    """
    standing = np.flatnonzero(expected_per_week < STANDS_OUT_PER_WEEK)
    if not len(standing):
        return []
    clear = min(budget_per_week, 1.0) / _CLEAR_FACTOR
    runs = []
    for rows in np.split(standing, np.flatnonzero(np.diff(standing) > margin_rows) + 1):
        first, stop = int(rows[0]), int(rows[-1]) + 1
        peak = int(rows[expected_per_week[rows].argmin()])
        lasts = int(times_us[stop - 1] - times_us[first]) >= _LASTS_US and stop - first > 4 * margin_rows
        sustained = len(rows) >= _LEAST_ROWS and stop - first >= margin_rows
        if sustained and expected_per_week[peak] < clear and not lasts:
            runs.append(StandingRun(first, stop, peak))
    return runs
