"""From the largest values in training to the limits, and to how rare a value beyond them is.

The largest value of a statistic in a span of time grows with the span. The logarithms of the largest values
of equal spans follow a Gumbel distribution with a scale s of its own for every sensor and statistic: normal
rows exceed ``exp(z)`` times the largest value of ``weeks`` about ``exp(-z/s)/weeks`` times a week. All checks
of an asset count together, so that a rarity of one check is comparable with that of all.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tfstream.core.instruments.instrument_check import CheckOff, InstrumentCheck
from tfstream.core.instruments.row_statistics import REPEAT_ROWS

Array = NDArray[np.float64]
CHECKS = len(InstrumentCheck)
# Added to a statistic: small values must not count by their ratio.
_RANGE_FLOOR = 0.25  # of the range, to HIGH and LOW
_RATE_FLOOR = 0.25  # of the largest change, to RATE
_NOISE_FLOOR = 0.02
QUIET_FLOOR = 0.02  # is added before the inversion
_LEAST_FACTORS = np.array([1.5, 1.5, 1.5, 1.5, 1.3, 2.0, 1.5])[:, None]
_LARGEST_FACTOR = 100.0
_LARGEST_VARIATION = 0.95 * 3
_LARGEST_QUIET = 0.9 / QUIET_FLOOR
_BEYOND_FILLED = 3  # rows that a run is longer than a filled gap


class LimitRule(NamedTuple):
    """``logs [checks, sensors]``: by how much, as a logarithm, a limit exceeds the record.

    ``tests`` is the number of checks that are on.
    """

    logs: Array
    scales: Array
    tests: int
    weeks: float

    def expected_per_week(self, excess: float, check: int, sensor: int) -> float:
        """How often in a week any check of the asset goes so far beyond its record by chance.

        ``excess`` is the logarithm of a value's ratio to the record.
        """
        return float(self.tests / self.weeks * np.exp(-excess / self.scales[check, sensor]))


def limit_rule(scales: Array, off: NDArray[np.uint8], weeks: float, per_week: float) -> LimitRule:
    """The rule for one asset's ``scales [checks, sensors]`` and checks that are ``off``."""
    tests = max(int((off == CheckOff.ON).sum()), 1)
    rarity = max(np.log(tests / (weeks * per_week)), 1.0)
    return LimitRule(np.maximum(scales * rarity, np.log(_LEAST_FACTORS)), scales, tests, weeks)


def floors_for(largest: Array, staleness_rows: int) -> Array:
    """The floors of largest values ``[checks, sensors]``."""
    floors = np.zeros_like(largest)
    floors[InstrumentCheck.RUN] = floors[InstrumentCheck.REPEATS] = staleness_rows + 1
    spread = largest[InstrumentCheck.HIGH] + largest[InstrumentCheck.LOW]
    floors[InstrumentCheck.HIGH] = floors[InstrumentCheck.LOW] = _RANGE_FLOOR * spread
    floors[InstrumentCheck.RATE] = _RATE_FLOOR * largest[InstrumentCheck.RATE]
    floors[InstrumentCheck.NOISE] = _NOISE_FLOOR
    return floors


def floors_of(records: Array, staleness_rows: int) -> Array:
    """The floors ``[checks, sensors]`` that are contained in records: the inverse of :func:`floors_for`."""
    floors = floors_for(records, staleness_rows)
    for check in (InstrumentCheck.HIGH, InstrumentCheck.LOW):
        floors[check] /= 1 + 2 * _RANGE_FLOOR
    floors[InstrumentCheck.RATE] /= 1 + _RATE_FLOOR
    return floors


def raw_limits(largest: Array, floors: Array, rule: LimitRule, staleness_rows: int) -> Array:
    """The limits ``[checks, sensors]`` in the units of the statistics.

    A filled gap looks like a run: a run's limit is longer than any filled gap.
    """
    limits: Array = (largest + floors) * np.exp(np.minimum(rule.logs, 30.0)) - floors
    shortest = staleness_rows + _BEYOND_FILLED
    for check in (InstrumentCheck.RUN, InstrumentCheck.REPEATS):
        limits[check] = np.maximum(limits[check], shortest)
    return limits


def out_of_reach(limits: Array, rule: LimitRule, rows: int) -> NDArray[np.bool_]:
    """``[checks, sensors]``: whether hardly any faulty reading could exceed a limit. ``rows`` were learnt."""
    unreachable: NDArray[np.bool_] = rule.logs > np.log(_LARGEST_FACTOR)
    unreachable[InstrumentCheck.RUN] = limits[InstrumentCheck.RUN] > rows
    unreachable[InstrumentCheck.NOISE] |= limits[InstrumentCheck.NOISE] > _LARGEST_VARIATION
    unreachable[InstrumentCheck.QUIET] |= limits[InstrumentCheck.QUIET] > _LARGEST_QUIET
    unreachable[InstrumentCheck.REPEATS] |= limits[InstrumentCheck.REPEATS] >= REPEAT_ROWS
    return unreachable
