"""The plant's surroundings: air temperature and river water."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tfstream.demo.plant.signals import DAY_MINUTES, Floats, NoiseSource


@dataclass(frozen=True, kw_only=True, slots=True)
class Weather:
    """Air (°C), river (°C), turbidity (NTU), conductivity (µS/cm) and pH, each ``[rows, assets]``."""

    air: Floats
    river: Floats
    turbidity: Floats
    conductivity: Floats
    ph: Floats

    @classmethod
    def draw(cls, noise: NoiseSource, minutes: Floats, assets: int, row_minutes: float) -> Weather:
        """Draw the weather of a run.

        :param minutes: ``[rows]`` since 1970 UTC, for the time of day.
        :param row_minutes: the sampling interval.
        """
        shape = (len(minutes), assets)

        def correlated(name: str, memory_minutes: float) -> Floats:
            return np.clip(noise.correlated(name, shape, memory_minutes / row_minutes), -2.5, 2.5)

        def daily(warmest: float) -> Floats:
            return np.cos(2.0 * np.pi * (minutes[:, None] - warmest) / DAY_MINUTES)

        site = noise.normal("site", (4, assets))  # how the sites differ
        air = 14.0 + 5.0 * daily(900.0) + 1.2 * correlated("air", 240.0) + site[0]
        river = 12.0 + 0.8 * daily(1080.0) + 0.4 * correlated("river", 360.0) + 0.5 * site[1]
        mud = correlated("turbidity", 150.0)
        return cls(
            air=air,
            river=river,
            turbidity=6.0 * np.exp(0.35 * mud + 0.1 * site[2]),
            conductivity=430.0 - 22.0 * mud + 6.0 * correlated("conductivity", 200.0) + 15.0 * site[3],
            ph=7.8 - 0.05 * mud + 0.04 * correlated("ph", 180.0),
        )
