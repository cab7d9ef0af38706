"""Turns statistics beyond their limits into findings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from tfstream.core.instruments.instrument_check import InstrumentCheck, InstrumentFault
from tfstream.core.instruments.instrument_finding import InstrumentFinding
from tfstream.core.instruments.limit_rule import QUIET_FLOOR, Array, LimitRule
from tfstream.core.instruments.row_statistics import REPEAT_ROWS, VARIATION_ROWS
from tfstream.core.reading import Values

_FAULTS = {
    InstrumentCheck.RUN: InstrumentFault.STUCK,
    InstrumentCheck.HIGH: InstrumentFault.OUT_OF_RANGE,
    InstrumentCheck.LOW: InstrumentFault.OUT_OF_RANGE,
    InstrumentCheck.RATE: InstrumentFault.IMPOSSIBLE_RATE,
    InstrumentCheck.NOISE: InstrumentFault.NOISY,
    InstrumentCheck.QUIET: InstrumentFault.FLAT,
    InstrumentCheck.REPEATS: InstrumentFault.CLIPPED,
}
_SPANNED = {
    InstrumentCheck.NOISE: VARIATION_ROWS,
    InstrumentCheck.QUIET: VARIATION_ROWS,
    InstrumentCheck.REPEATS: REPEAT_ROWS,
}
_END = 1e-3  # of a sensor's range: values so near to its end are at its end
_ROUNDING = 1e-6
_FOLLOW_FROM_STUCK = (InstrumentCheck.QUIET, InstrumentCheck.REPEATS)


class Excess(NamedTuple):
    """A statistic beyond its limit at a row of a sensor."""

    row: int
    sensor: int
    check: InstrumentCheck
    statistic: float


class FindingBuilder(NamedTuple):
    """One asset's numbers: ``[checks, sensors]`` and ``[sensors]``."""

    records: Array
    floors: Array
    limits: Array
    median: Values
    unit: Values
    known: Values
    rule: LimitRule

    def build(self, excesses: Sequence[Excess], rows: Values) -> list[InstrumentFinding]:
        """The findings of the last of ``rows [rows, sensors]``, in the order of ``excesses``.

        A sensor that is stuck, or was so just now, is flat and repeats its value: that is not reported too.
        """
        return [
            self._finding(excess, float(rows[-1, excess.sensor]))
            for excess in excesses
            if excess.check not in _FOLLOW_FROM_STUCK or not self._was_stuck(excess, rows[:, excess.sensor])
        ]

    def _was_stuck(self, excess: Excess, values: Values) -> bool:
        """Whether the sensor was stuck in the ``values [rows]`` that its statistic is about."""
        changes = np.flatnonzero(np.diff(values[-_SPANNED[excess.check] :], prepend=np.nan, append=np.nan))
        return bool(np.diff(changes).max() > self.limits[InstrumentCheck.RUN, excess.sensor])

    def _finding(self, excess: Excess, value: float) -> InstrumentFinding:
        row, sensor, check, statistic = excess
        at = check, sensor
        rarity = float(np.log((statistic + self.floors[at]) / self.records[at]))
        measured, before, limit = (
            self._shown(check, sensor, float(number))
            for number in (statistic, self.records[at] - self.floors[at], self.limits[at])
        )
        rows = round(measured) if check is InstrumentCheck.RUN else _SPANNED.get(check, 1)
        return InstrumentFinding(
            row=row,
            sensor=sensor,
            fault=self._fault(check, sensor, value),
            since_row=row + 1 - rows,
            value=value,
            measured=measured,
            before=before,
            limit=limit,
            expected_per_week=self.rule.expected_per_week(rarity, check, sensor),
        )

    def _shown(self, check: InstrumentCheck, sensor: int, statistic: float) -> float:
        """A statistic in the unit that a person sees; runs of sensors with gaps count the gaps, too."""
        median, unit = float(self.median[sensor]), float(self.unit[sensor])
        match check:
            case InstrumentCheck.RUN:
                return statistic / float(self.known[sensor])
            case InstrumentCheck.HIGH:
                return _reading(median, statistic)
            case InstrumentCheck.LOW:
                return _reading(median, -statistic)
            case InstrumentCheck.NOISE:
                return statistic * unit
            case InstrumentCheck.QUIET:
                return max(1 / statistic - QUIET_FLOOR, 0.0) * unit
            case _:
                return statistic

    def _fault(self, check: InstrumentCheck, sensor: int, value: float) -> InstrumentFault:
        """The fault of a check; a sensor that is stuck at zero or at an end of its range is dead."""
        if check is not InstrumentCheck.RUN:
            return _FAULTS[check]
        largest = self.records - self.floors
        high, low = largest[InstrumentCheck.HIGH, sensor], largest[InstrumentCheck.LOW, sensor]
        above = value - float(self.median[sensor])
        near = _END * (high + low)
        at_end = abs(above - high) <= near or abs(above + low) <= near
        return InstrumentFault.DEAD if value == 0 or at_end else InstrumentFault.STUCK


def _reading(median: float, distance: float) -> float:
    """The reading at a distance from the median; 0 where only rounding is left."""
    reading = median + distance
    return reading if abs(reading) > _ROUNDING * abs(median) else 0.0
