"""Faults, durations and shares in words."""

from __future__ import annotations

from tfstream.core.quality.event_quality import GRACE_ROWS
from tfstream.demo.plant.faults import PlantFault, PlantFaultKind

FOUND_RULE = (
    f"A fault counts as found only by an alarm that is raised during the fault or at most {GRACE_ROWS} rows "
    "after its end, and that names a sensor that the fault touched: as its first sensor, or as a sensor with "
    "a fifth of the evidence or more."
)
OTHER_SENSORS_TEXT = "an alarm during the fault named other sensors"
_MINUTE_US = 60_000_000
_FAULT_NAMES = {
    PlantFaultKind.STUCK: "stuck at one value",
    PlantFaultKind.DRIFT: "slow drift",
    PlantFaultKind.OFFSET: "sudden offset",
    PlantFaultKind.NOISE: "added noise",
    PlantFaultKind.DECOUPLED: "values from another time",
    PlantFaultKind.ATTACK: "valve forced",
}


def fault_name(fault: PlantFault) -> str:
    """Return the fault's kind in words."""
    return _FAULT_NAMES[fault.kind]


def fault_text(fault: PlantFault) -> str:
    """Return the fault's kind and its target sensor."""
    return f"{fault_name(fault)}, {fault.target_sensor}"


def minutes_text(duration_us: float) -> str:
    """Return a duration in whole minutes."""
    return f"{duration_us / _MINUTE_US:.0f} min"
