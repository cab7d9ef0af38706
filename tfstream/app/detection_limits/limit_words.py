"""Detection limits in words, for the commands and for the page."""

from __future__ import annotations

import math
from collections.abc import Sequence

from tfstream.app.runtime.human_units import counted, duration_text
from tfstream.core.faults.sensor_faults import SensorFault
from tfstream.core.learning.detection_limits import (
    LEAST_PREDICTED,
    DetectionLimits,
    FaultLimit,
    SensorLimits,
)


def limit_columns(limits: DetectionLimits) -> list[str]:
    """The columns of the table."""
    return ["sensor", *(_heading(fault, limits) for fault in SensorFault), "predicted by the others"]


def limit_rows(limits: DetectionLimits) -> list[list[str]]:
    """A row for each sensor, the largest limits first."""
    worst = sorted(limits.sensors, key=lambda each: _mean_log_size(each, limits.above), reverse=True)
    return [
        [
            each.sensor,
            *(_limit_text(each.limits.get(fault.value), limits) for fault in SensorFault),
            "-" if each.predicted is None else f"{each.predicted:.0%}",
        ]
        for each in worst
    ]


def limit_title(limits: DetectionLimits) -> str:
    """What the table shows."""
    return (
        f"smallest faults of one sensor that raise an alarm within {duration_text(limits.within_s)} at a "
        f"budget of {limits.budget_per_week:g} a week, in deviations of the sensor (and in its own units); "
        f"tried at {counted(limits.sites, 'place')} of the rows held out for the gate "
        f"({', '.join(limits.assets)})"
    )


def limit_notes(limits: DetectionLimits, most_names: int | None = None) -> list[str]:
    """The sensors for which no other sensor vouches, and those that were not tested."""
    notes = []
    if not limits.compared:
        notes.append("no sensor vouches for another: no witness compares the levels of the sensors")
    elif limits.unpredicted:
        notes.append(
            f"no other sensor vouches for {_names(limits.unpredicted, most_names)}: the others predict less "
            f"than {LEAST_PREDICTED:.0%} of the variance, and a slow fault within the usual range looks like "
            f"the process"
        )
    if limits.untested:
        notes.append(f"not tested: {_names(limits.untested, most_names)}")
    return notes


def _names(names: Sequence[str], most: int | None) -> str:
    listed = names if most is None else names[:most]
    more = len(names) - len(listed)
    return ", ".join(listed) + (f" and {more} more" if more else "")


def _heading(fault: SensorFault, limits: DetectionLimits) -> str:
    if fault is SensorFault.DRIFT:
        return f"drift in {duration_text(limits.within_s)}"
    return fault.value


def _mean_log_size(sensor: SensorLimits, above: float) -> float:
    """The mean logarithm of the sensor's limits; a stuck sensor that is found counts as 1."""
    sizes = [1.0 if limit.after_s is not None else limit.or_above(above) for limit in sensor.limits.values()]
    return sum(math.log(size) for size in sizes) / max(len(sizes), 1)


def _limit_text(limit: FaultLimit | None, limits: DetectionLimits) -> str:
    """A limit; ``-`` where the sensor cannot have the fault."""
    if limit is None:
        return "-"
    if limit.after_s is not None:
        return f"after {duration_text(limit.after_s)}"
    if limit.deviations is None:
        return "not found"
    return f"{limit.deviations:g} ({limit.size:.3g})"
