"""The sizes of the waterworks, and the water in them during a step.

Levels are in metres, areas in m², flows in m³/h, pressures in bar, filter resistances in kPa; valve positions
and speeds lie between 0 and 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tfstream.demo.plant.signals import Floats

ZONES = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class Sizes:
    """The sizes of each waterworks: ``[assets]``, or ``[assets, zones]`` for ``zone_*``."""

    raw_area: Floats
    clear_area: Floats
    tower_area: Floats
    intake: Floats
    transfer: Floats
    booster: Floats
    assist: Floats
    zone_demand: Floats  # daily mean
    zone_valve: Floats  # flow through the open valve at a pressure difference of 1 bar

    @classmethod
    def draw(cls, rng: np.random.Generator, assets: int) -> Sizes:
        """Draw random sizes; the scale runs from 0.75 to 1.35."""
        scale = rng.permutation(np.linspace(0.75, 1.35, assets))
        demand = 300.0 * scale[:, None] * rng.dirichlet((45.0, 33.0, 22.0), assets)

        def vary(value: float) -> Floats:
            return value * scale * rng.uniform(0.93, 1.07, assets)

        return cls(
            raw_area=vary(110.0),
            clear_area=vary(90.0),
            tower_area=vary(150.0),
            intake=vary(640.0),
            transfer=vary(540.0),
            booster=vary(345.0),
            assist=vary(170.0),
            zone_demand=demand,
            zone_valve=demand * 1.6 / 0.86,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Flows:
    """The water in a step: ``[assets]``, or ``[assets, zones]`` for ``zone_*``.

    The flows of a run have the steps as another first axis.
    """

    raw_level: Floats
    clear_level: Floats
    tower_level: Floats
    intake_valve: Floats
    intake: Floats
    transfer_1: Floats
    transfer_2: Floats
    booster_speed: Floats
    booster: Floats
    assist: Floats
    zone_flow: Floats
    zone_pressure: Floats
    zone_valve: Floats
    fouling: Floats
    raw_overflow: Floats
    clear_overflow: Floats
    tower_overflow: Floats

    @property
    def transfer(self) -> Floats:
        """The flow of both transfer pumps."""
        return self.transfer_1 + self.transfer_2

    @property
    def lifted(self) -> Floats:
        """The flow of both boosters into the tower."""
        return self.booster + self.assist
