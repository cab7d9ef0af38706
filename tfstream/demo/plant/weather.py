"""What comes from outside: air and river."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tfstream.demo.plant.signals import DAY_MINUTES, Floats, NoiseSource


@dataclass(frozen=True, kw_only=True, slots=True)
class Weather:
    """All ``[rows, assets]``: °C, °C, NTU, µS/cm and pH."""

    air: Floats
    river: Floats
    turbidity: Floats
    conductivity: Floats
    ph: Floats

    @classmethod
    def draw(cls, dice: NoiseSource, minutes: Floats, assets: int, row_minutes: float) -> Weather:
        """:param minutes: ``[rows]`` since 1970 UTC, for the time of day."""
        shape = (len(minutes), assets)

        def wander(name: str, memory_minutes: float) -> Floats:
            return np.clip(dice.wander(name, shape, memory_minutes / row_minutes), -2.5, 2.5)

        def daily(warmest: float) -> Floats:
            return np.cos(2.0 * np.pi * (minutes[:, None] - warmest) / DAY_MINUTES)

        home = dice.normal("site", (4, assets))  # what tells one river from the next
        air = 14.0 + 5.0 * daily(900.0) + 1.2 * wander("air", 240.0) + home[0]
        river = 12.0 + 0.8 * daily(1080.0) + 0.4 * wander("river", 360.0) + 0.5 * home[1]
        muddy = wander("turbidity", 150.0)
        return cls(
            air=air,
            river=river,
            turbidity=6.0 * np.exp(0.35 * muddy + 0.1 * home[2]),
            conductivity=430.0 - 22.0 * muddy + 6.0 * wander("conductivity", 200.0) + 15.0 * home[3],
            ph=7.8 - 0.05 * muddy + 0.04 * wander("ph", 180.0),
        )
