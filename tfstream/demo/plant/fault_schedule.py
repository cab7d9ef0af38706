"""The demo's plot: eight faults in a day, at least three hours apart at each waterworks."""

from __future__ import annotations

from typing import NamedTuple

from tfstream.demo.plant.faults import PlantFault, PlantFaultKind
from tfstream.demo.plant.water_plant import MINUTE_US, WaterPlant


class _Act(NamedTuple):
    asset: int
    kind: PlantFaultKind
    start_minute: int
    minutes: int
    size: float
    sensors: tuple[str, ...]


_ACTS = (
    _Act(0, PlantFaultKind.STUCK, 180, 120, 0.0, ("LIT201_LEVEL",)),
    _Act(0, PlantFaultKind.OFFSET, 560, 90, 2.5, ("AIT203_PH",)),
    _Act(0, PlantFaultKind.ATTACK, 1010, 120, 1.0, ("MV101_POS", "LIT101_LEVEL", "FIT101_FLOW")),
    _Act(1, PlantFaultKind.NOISE, 240, 90, 0.6, ("P101_VIB",)),
    _Act(1, PlantFaultKind.ATTACK, 700, 75, 0.25, ("PCV302_POS", "PIT302_PRESS", "FIT302_FLOW")),
    _Act(1, PlantFaultKind.DRIFT, 1080, 210, 4.0, ("AIT202_CL2",)),
    _Act(2, PlantFaultKind.DECOUPLED, 400, 150, 1020.0, ("FIT202_FLOW",)),
    _Act(2, PlantFaultKind.OFFSET, 900, 100, -2.0, ("P201_BRG_TEMP",)),
)
MINUTES = 1440  # the span that the faults are spread over


def plan(plant: WaterPlant, start_us: int) -> tuple[PlantFault, ...]:
    """The faults of a day that begins at ``start_us``; for fewer assets only those that concern them."""
    return tuple(
        PlantFault(
            asset=plant.assets[act.asset],
            kind=act.kind,
            sensors=act.sensors,
            start_us=start_us + act.start_minute * MINUTE_US,
            end_us=start_us + (act.start_minute + act.minutes) * MINUTE_US,
            size=act.size,
        )
        for act in _ACTS
        if act.asset < len(plant.assets)
    )
