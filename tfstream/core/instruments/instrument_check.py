"""The checks of a sensor's readings, the kinds of faults that they find, and why a check can be off."""

from __future__ import annotations

from enum import IntEnum, StrEnum


class InstrumentCheck(IntEnum):
    """The statistics that are watched; the value is the position in the arrays of the limits.

    Every statistic is large when the sensor is faulty.
    """

    RUN = 0  # rows with equal values, up to this row
    HIGH = 1  # distance above the sensor's median
    LOW = 2  # distance below the sensor's median
    RATE = 3  # change since the last value
    NOISE = 4  # variation from row to row
    QUIET = 5  # the inverse of that variation
    REPEATS = 6  # rows of a window at exactly the largest or the smallest value of that window

    @property
    def words(self) -> str:
        """The fault that the check looks for, for a person."""
        return _LOOKED_FOR[self]


class InstrumentFault(StrEnum):
    """What is wrong with a sensor."""

    STUCK = "stuck"  # the same value for longer than ever
    DEAD = "dead"  # stuck at zero, or at or beyond an end of its range
    FLAT = "flat"  # its variation is gone, though its value still changes
    OUT_OF_RANGE = "out of range"
    CLIPPED = "clipped"  # comes back to exactly the same extreme value
    IMPOSSIBLE_RATE = "impossible rate"
    NOISY = "noisy"  # varies more from row to row than ever


class CheckOff(IntEnum):
    """Why a check of a sensor is off; 0 is a check that is on."""

    ON = 0
    NO_VALUES = 1
    FEW_VALUES = 2
    FEW_CHANGES = 3
    COUNTER = 4
    EXCEEDED = 5
    OUT_OF_REACH = 6
    GAPS = 7

    @property
    def words(self) -> str:
        """The reason for a person."""
        return _REASONS[self]


_LOOKED_FOR = {
    InstrumentCheck.RUN: "stuck",
    InstrumentCheck.HIGH: "out of range",
    InstrumentCheck.LOW: "out of range",
    InstrumentCheck.RATE: "impossible rate",
    InstrumentCheck.NOISE: "noisy",
    InstrumentCheck.QUIET: "flat",
    InstrumentCheck.REPEATS: "clipped",
}
_REASONS = {
    CheckOff.ON: "",
    CheckOff.NO_VALUES: "the sensor has no value in the rows learnt from",
    CheckOff.FEW_VALUES: "the sensor is a switch or a set point: it has few values",
    CheckOff.FEW_CHANGES: "the sensor changes too rarely",
    CheckOff.COUNTER: "the sensor is a counter",
    CheckOff.EXCEEDED: "the limit learnt on the earlier rows did not hold on the later rows",
    CheckOff.GAPS: "the sensor has no stretch of rows without a missing value",
    CheckOff.OUT_OF_REACH: "the rows learnt from vary so much that no reading could exceed the limit",
}
