"""Waterworks to learn from: seeded, plain NumPy, with the correlations that their physics makes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tfstream.core.reading import Series, Times
from tfstream.demo.plant import instruments
from tfstream.demo.plant.faults import PlantFault, PlantFaultKind
from tfstream.demo.plant.hydraulics import VALVES, ZONES, Flows, Sizes, run
from tfstream.demo.plant.signals import Floats, NoiseSource, hump
from tfstream.demo.plant.weather import Weather
from tfstream.errors import UsageError

MINUTE_US = 60_000_000
_NAMES = ("north-works", "harbour-works", "hill-works")
_SETTLE_MINUTES = 720  # before the first row, so that no start-up is seen


class WaterPlant:
    """Some waterworks of different sizes, each an asset with the same sensors.

    The same seed gives the same readings, and a longer run begins with the rows of a shorter one.
    """

    sensors = instruments.SENSORS

    def __init__(self, seed: int, assets: int = 3, interval_us: int = MINUTE_US) -> None:
        """:raises UsageError: when the interval is too long for the control loops to be simulated."""
        if not 0 < interval_us <= 2 * MINUTE_US:
            raise UsageError(
                f"the plant's sampling interval must be within two minutes, not {interval_us} µs"
            )
        self.interval_us = interval_us
        self.assets = tuple(_NAMES[i] if i < len(_NAMES) else f"works-{i + 1}" for i in range(assets))
        self._minutes = interval_us / MINUTE_US
        self._settle = round(_SETTLE_MINUTES / self._minutes)
        self._dice = NoiseSource(seed)
        self.sizes = Sizes.draw(self._dice.generator("sizes"), assets)

    def simulate(self, rows: int, start_us: int, attacks: Sequence[PlantFault] = ()) -> list[Series]:
        """One series per asset: ``rows`` readings from ``start_us`` on, sensors in the order of ``sensors``.

        :param attacks: faults of kind ``ATTACK``: they go through the physics, and the control loops answer.
        """
        times = self._times(rows, start_us)
        flows, weather = self.trace(rows, start_us, attacks)
        exact = instruments.read(flows, weather, self.sizes, self._minutes)
        shown = instruments.with_noise(exact, self._dice)
        values = shown[self._settle :].astype(np.float32)
        return [
            Series(asset, times[self._settle :], np.ascontiguousarray(values[:, i]))
            for i, asset in enumerate(self.assets)
        ]

    def trace(self, rows: int, start_us: int, attacks: Sequence[PlantFault] = ()) -> tuple[Flows, Weather]:
        """The water itself, before any instrument; the rows of settling come first."""
        times = self._times(rows, start_us)
        minutes = times / MINUTE_US
        weather = Weather.draw(self._dice, minutes, len(self.assets), self._minutes)
        forced = self._forced(times, attacks)
        flows = run(self.sizes, self._demand(minutes), weather.turbidity, forced, step_minutes=self._minutes)
        return flows, weather

    def _times(self, rows: int, start_us: int) -> Times:
        return start_us + self.interval_us * np.arange(-self._settle, rows, dtype=np.int64)

    def _demand(self, minutes: Floats) -> Floats:
        """``[rows, assets, zones]``: morning and evening peaks, each zone in its own way, and whims."""
        shape = (len(self.assets), ZONES)
        rng = self._dice.generator("habits")
        late, evening = rng.uniform(-40.0, 40.0, shape), rng.uniform(0.45, 0.7, shape)
        minute = minutes[:, None, None] - late
        habit = 0.62 + 0.55 * hump(minute, 450.0, 110.0) + 0.25 * hump(minute, 780.0, 180.0)
        habit += evening * hump(minute, 1150.0, 150.0)
        whims = self._dice.wander("whims", (len(minutes), *shape), 25.0 / self._minutes)
        return self.sizes.zone_demand * habit * (1.0 + 0.05 * np.clip(whims, -3.0, 3.0))

    def _forced(self, times: Times, attacks: Sequence[PlantFault]) -> Floats:
        forced = np.full((len(times), len(self.assets), len(VALVES)), np.nan)
        for attack in attacks:
            valve = attack.sensors[0]
            if attack.kind is not PlantFaultKind.ATTACK or valve not in VALVES:
                raise UsageError(f"{valve} cannot be attacked; name one of {', '.join(VALVES)}")
            during = (times >= attack.start_us) & (times < attack.end_us)
            forced[during, self.assets.index(attack.asset), VALVES.index(valve)] = attack.size
        return forced
