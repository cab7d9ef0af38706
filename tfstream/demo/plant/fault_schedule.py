"""The demo's eight faults: all within one day, at least three hours apart at each asset."""

from __future__ import annotations

from typing import NamedTuple

from tfstream.demo.plant.faults import PlantFault, PlantFaultKind
from tfstream.demo.plant.water_plant import MINUTE_US, WaterPlant


class _ScheduledFault(NamedTuple):
    asset: int  # index of the asset
    kind: PlantFaultKind
    start_minute: int
    minutes: int
    size: float
    sensors: tuple[str, ...]


_SCHEDULE = (
    _ScheduledFault(0, PlantFaultKind.STUCK, 180, 120, 0.0, ("LIT201_LEVEL",)),
    _ScheduledFault(0, PlantFaultKind.OFFSET, 560, 90, 2.5, ("AIT203_PH",)),
    _ScheduledFault(0, PlantFaultKind.ATTACK, 1010, 120, 1.0, ("MV101_POS", "LIT101_LEVEL", "FIT101_FLOW")),
    _ScheduledFault(1, PlantFaultKind.NOISE, 240, 90, 0.6, ("P101_VIB",)),
    _ScheduledFault(1, PlantFaultKind.ATTACK, 700, 75, 0.25, ("PCV302_POS", "PIT302_PRESS", "FIT302_FLOW")),
    _ScheduledFault(1, PlantFaultKind.DRIFT, 1080, 210, 4.0, ("AIT202_CL2",)),
    _ScheduledFault(2, PlantFaultKind.DECOUPLED, 400, 150, 1020.0, ("FIT202_FLOW",)),
    _ScheduledFault(2, PlantFaultKind.OFFSET, 900, 100, -2.0, ("P201_BRG_TEMP",)),
)
SCHEDULE_MINUTES = 1440  # the length of the schedule


def schedule_faults(plant: WaterPlant, start_us: int) -> tuple[PlantFault, ...]:
    """Return the faults of a day that starts at ``start_us``, without those of assets the plant lacks."""
    return tuple(
        PlantFault(
            asset=plant.assets[scheduled.asset],
            kind=scheduled.kind,
            sensors=scheduled.sensors,
            start_us=start_us + scheduled.start_minute * MINUTE_US,
            end_us=start_us + (scheduled.start_minute + scheduled.minutes) * MINUTE_US,
            size=scheduled.size,
        )
        for scheduled in _SCHEDULE
        if scheduled.asset < len(plant.assets)
    )
