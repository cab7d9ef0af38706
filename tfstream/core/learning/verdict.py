"""How people label an anomaly, which decides whether its readings are learnt from."""

from __future__ import annotations

from enum import StrEnum


class Verdict(StrEnum):
    """CONFIRMED excludes the readings of an anomaly from training; the others include them again."""

    CONFIRMED = "confirmed"  # a fault
    FALSE_ALARM = "false-alarm"  # nothing happened
    EXPECTED = "expected"  # an event of normal operation
    NEW_NORMAL = "new-normal"  # a change that stays
