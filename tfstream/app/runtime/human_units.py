"""Counts, durations, changed frequency bands and witnesses, in words and units that people use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tfstream.core.messages.witness import Witness

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
    return f"{witness} ({Witness(witness).words}){scale}"


def duration_text(seconds: float) -> str:
    """Three digits, in the largest unit of which the duration has at least 1."""
    size, unit = next(((size, unit) for size, unit in _UNITS if seconds >= size), (0.001, "ms"))
    return f"{seconds / size:.3g} {unit}"
