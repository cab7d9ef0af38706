"""Faults of a single sensor that last: the kinds whose smallest detectable size a model states.

A drift reaches its size in the last row. A stuck sensor has no size: it repeats the last value before the
fault. A gain error of a sensor is an offset as long as its level stays the same.
"""

from __future__ import annotations

from enum import StrEnum

import numpy as np

from tfstream.core.reading import Values

SIZES = tuple(float(f"{2 ** (step / 2):.2g}") for step in range(-8, 7))  # of a sensor's deviation


class SensorFault(StrEnum):
    """What is wrong with the sensor."""

    OFFSET = "offset"
    DRIFT = "drift"
    NOISE = "noise"
    STUCK = "stuck"

    @property
    def sized(self) -> bool:
        """Whether a fault of this kind has a size."""
        return self is not SensorFault.STUCK


def faulty_values(
    fault: SensorFault, clean: Values, before: float, amount: float, rng: np.random.Generator
) -> Values:
    """What a sensor shows instead of its ``clean [rows]`` values; a missing value stays missing.

    :param before: the sensor's last value before the fault.
    :param amount: the size in the sensor's own units. The same generator state makes the same draws for any
        amount.
    """
    sign = float(rng.choice((-1.0, 1.0)))
    known = clean.astype(np.float64)
    if fault is SensorFault.OFFSET:
        shown = known + sign * amount
    elif fault is SensorFault.DRIFT:
        shown = known + sign * amount * np.arange(1, len(clean) + 1) / len(clean)
    elif fault is SensorFault.NOISE:
        shown = known + amount * rng.normal(size=len(clean))
    else:
        shown = np.where(np.isnan(known), np.nan, before)
    return shown.astype(np.float32)
