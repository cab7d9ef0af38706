"""Counts, durations, rates, changed frequency bands and witnesses, in words and units that people use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tfstream.core.messages.witness import Witness

LEAST_SHARE = 0.01  # of the evidence; below it a share reads as nothing
_CENTURY = 100.0  # years; the calibration has no evidence about rarer scores
_WEEKS_A_YEAR = 52
_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


def counted(count: int, noun: str) -> str:
    """A number with its noun, in the plural unless the number is 1."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def band_text(band: Mapping[str, Any] | None) -> str:
    """A sensor's stored ``band``: what changed most in the sensor; "" for None."""
    if band is None:
        return ""
    values = f"{band['actual']:.4g}, expected {band['expected']:.4g}"
    if band["longest_s"] is None:
        return f"level {values}"
    return f"swings of {duration_text(band['shortest_s'])} to {duration_text(band['longest_s'])}: {values}"


def witness_text(witness: str | None, scale_s: float | None) -> str:
    """A witness by its name and in words, with the time scale at which it looked; ``-`` for None."""
    if witness is None:
        return "-"
    scale = "" if scale_s is None else f", over {duration_text(scale_s)}"
    return f"{witness_label(witness)} ({Witness(witness).words}){scale}"


def witness_label(witness: str | None) -> str:
    """The name of a witness for people; ``-`` for None."""
    return "-" if witness is None else Witness(witness).label


def share_text(share: float) -> str:
    """A sensor's share of the evidence as a whole percentage."""
    return f"{share:.0%}" if share >= LEAST_SHARE else "<1%"


def duration_text(seconds: float) -> str:
    """Three digits, in the largest unit of which the duration has at least 1."""
    size, unit = next(((size, unit) for size, unit in _UNITS if seconds >= size), (0.001, "ms"))
    return f"{seconds / size:.3g} {unit}"


def rate_text(per_week: float) -> str:
    """How often an event happens: times a week, or the interval in weeks or years where it is rare."""
    if per_week >= 1:
        return _unless_one(per_week, "{} times a week", "once a week")
    if per_week > 1 / _WEEKS_A_YEAR:
        return _unless_one(1 / per_week, "once in {} weeks", "once a week")
    years = 1 / (_WEEKS_A_YEAR * per_week) if per_week > 0 else _CENTURY
    if years >= _CENTURY:
        return "less than once in a century"
    return _unless_one(years, "once in {} years", "once a year")


def _unless_one(count: float, words: str, words_for_one: str) -> str:
    """The words with a count of two digits, or whole from ten on; other words where that count is 1."""
    digits = f"{count:.0f}" if count >= 10 else f"{count:.2g}"
    return words_for_one if digits == "1" else words.format(digits)
