"""What people say of an anomaly, and so whether its readings are learnt from."""

from __future__ import annotations

from enum import StrEnum


class Verdict(StrEnum):
    """The first keeps its readings out for good; the others bring them back."""

    CONFIRMED = "confirmed"  # there was a fault
    FALSE_ALARM = "false-alarm"  # there was nothing
    EXPECTED = "expected"  # there was something that happens in normal work, too
    NEW_NORMAL = "new-normal"  # a change that stays
