"""What is wrong with a sensor, in numbers and in words."""

from __future__ import annotations

from typing import NamedTuple

from tfstream.core.instruments.instrument_check import InstrumentFault
from tfstream.core.instruments.row_statistics import REPEAT_ROWS
from tfstream.core.number_words import LEAST_DIGITS, digits_of_both, number_words

BEYOND_PROCESS_PER_WEEK = 1e-6  # what is expected less often than this, no process explains
_OUT = (InstrumentFault.STUCK, InstrumentFault.DEAD, InstrumentFault.FLAT, InstrumentFault.CLIPPED)
_LARGEST_SEVERITY = 1e3
_SMALLEST = 1e-12
_SPANS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


class InstrumentFinding(NamedTuple):
    """A sensor is beyond a limit at a row.

    ``sensor`` is its column, ``since_row`` the first row of what is wrong, ``value`` the reading.
    ``measured`` is what lies beyond ``limit``, ``before`` what lay farthest in training: for stuck and dead
    sensors a duration in rows, out of range a reading, for a rate the change in a row, for flat and noisy
    sensors the mean second difference, for clipped sensors rows of 64. ``expected_per_week`` is how often in
    a week the checks of an asset together go so far by chance.
    """

    row: int
    sensor: int
    fault: InstrumentFault
    since_row: int
    value: float
    measured: float
    before: float
    limit: float
    expected_per_week: float

    @property
    def severity(self) -> float:
        """How far beyond its limit it is: 1 at the limit, 2 for a sensor that is stuck for twice as long."""
        match self.fault:
            case InstrumentFault.OUT_OF_RANGE:
                return 1 + abs(self.measured - self.limit) / max(abs(self.limit - self.before), _SMALLEST)
            case InstrumentFault.FLAT:
                return max(self.limit / max(self.measured, self.limit / _LARGEST_SEVERITY, _SMALLEST), 1.0)
            case _:
                return max(self.measured / max(self.limit, _SMALLEST), 1.0)

    @property
    def is_out(self) -> bool:
        """Whether the readings say nothing any more about what the sensor measures.

        A reading beyond its range, a jump or noise may also come from the process: then the reading still
        counts, unless it lies so far beyond the range that no process explains it.
        """
        if self.fault is InstrumentFault.OUT_OF_RANGE:
            return self.expected_per_week < BEYOND_PROCESS_PER_WEEK
        return self.fault in _OUT

    @property
    def is_dead(self) -> bool:
        """Whether the readings do not move as they should; beyond a limit they still move."""
        return self.fault in _OUT

    def words(self, interval_us: int) -> str:
        """What was seen, for a person: ``stuck at 2.725 for 20 min, longest before 3 min``."""
        digits = digits_of_both(self.measured, self.before)
        value, measured, before = (
            number_words(each, digits) for each in (self.value, self.measured, self.before)
        )
        match self.fault:
            case InstrumentFault.STUCK | InstrumentFault.DEAD:
                value = number_words(self.value, LEAST_DIGITS)
                now, earlier = _span(self.measured * interval_us), _span(self.before * interval_us)
                return f"{self.fault} at {value} for {now}, longest before {earlier}"
            case InstrumentFault.FLAT:
                return (
                    f"nearly flat at {value}: varies by {measured} from row to row, at least {before} before"
                )
            case InstrumentFault.OUT_OF_RANGE:
                most = "highest" if self.measured > self.before else "lowest"
                return f"out of range at {value}, {most} before {before}"
            case InstrumentFault.CLIPPED:
                return (
                    f"clipped: exactly {value} in {measured} of {REPEAT_ROWS} rows, at most {before} before"
                )
            case InstrumentFault.IMPOSSIBLE_RATE:
                span = _span(interval_us)
                return f"impossible rate: changed by {measured} within {span}, at most {before} before"
            case InstrumentFault.NOISY:
                return f"noisy: varies by {measured} from row to row, at most {before} before"


def _span(duration_us: float) -> str:
    """A duration in its largest unit, with a decimal below ten."""
    seconds = duration_us / 1e6
    for size, unit in _SPANS:
        if seconds >= size:
            count = seconds / size
            digits = 1 if count < 10 and round(count, 1) != round(count) else 0
            return f"{count:.{digits}f} {unit}"
    return f"{seconds * 1000:.0f} ms"
