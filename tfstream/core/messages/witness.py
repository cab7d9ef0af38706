"""The witnesses: the statistics that can raise an alarm."""

from __future__ import annotations

from enum import StrEnum


class Witness(StrEnum):
    """A statistic that is compared with a threshold of its own and can raise an alarm.

    Each witness has its own distribution of normal values, and hence its own ``expected_per_week``.
    """

    SCORE = "score"
    ERRORS = "errors"
    LEVELS = "levels"
    SEASON = "season"
    INSTRUMENT = "instrument"

    @property
    def label(self) -> str:
        """The name for people: ``instrument`` alone would be mistaken for the kind of an anomaly."""
        return "instrument check" if self is Witness.INSTRUMENT else self.value

    @property
    def words(self) -> str:
        """What the witness compares, for people."""
        return _WORDS[self]


_WORDS = {
    Witness.SCORE: "all error terms of a window, in one number",
    Witness.ERRORS: "the errors of the predictions, row by row",
    Witness.LEVELS: "the level of each sensor against what the other sensors predict for it",
    Witness.SEASON: "the level of each sensor against what is usual at that time of the day and of the week",
    Witness.INSTRUMENT: "each sensor against its own past: stuck, dead, out of range",
}
