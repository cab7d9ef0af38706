"""What changed in a sensor, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


def band_text(band: Mapping[str, Any] | None) -> str:
    """A stored sensor's ``band``, as people read it; nothing where none is known."""
    if band is None:
        return ""
    values = f"{band['actual']:.4g}, expected {band['expected']:.4g}"
    if band["longest_s"] is None:
        return f"level {values}"
    return f"swings of {duration_text(band['shortest_s'])} to {duration_text(band['longest_s'])}: {values}"


def duration_text(seconds: float) -> str:
    """Three digits in the largest unit that it fills."""
    size, unit = next((one for one in _UNITS if seconds >= one[0]), (0.001, "ms"))
    return f"{seconds / size:.3g} {unit}"
