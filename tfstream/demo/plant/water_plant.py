"""Simulated waterworks. Their physics correlates the sensors, and the seed decides every reading."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tfstream.core.reading import Series, Times
from tfstream.demo.plant import instruments
from tfstream.demo.plant.faults import PlantFault, PlantFaultKind
from tfstream.demo.plant.flows import ZONES, Flows, Sizes
from tfstream.demo.plant.hydraulics import VALVES, simulate_flows
from tfstream.demo.plant.signals import Floats, NoiseSource, daily_peak
from tfstream.demo.plant.weather import Weather
from tfstream.errors import UsageError

MINUTE_US = 60_000_000
_NAMES = ("north-works", "harbour-works", "hill-works")
_SETTLE_MINUTES = 720  # simulated before the first reading, which hides the start-up


class WaterPlant:
    """Waterworks of different sizes. Each is an asset, and all have the same sensors.

    The same seed gives the same readings, and a longer run starts with the rows of a shorter run.
    """

    sensors = instruments.SENSORS

    def __init__(self, seed: int, assets: int = 3, interval_us: int = MINUTE_US) -> None:
        """Create the plant.

        :raises UsageError: when the interval is 0 or less, or too long for the control loops.
        """
        if not 0 < interval_us <= 2 * MINUTE_US:
            raise UsageError(
                f"the plant's sampling interval must be above 0 and at most 2 minutes, not {interval_us} µs"
            )
        self.interval_us = interval_us
        self.assets = tuple(_NAMES[i] if i < len(_NAMES) else f"works-{i + 1}" for i in range(assets))
        self._minutes = interval_us / MINUTE_US
        self._settling_rows = round(_SETTLE_MINUTES / self._minutes)
        self._noise = NoiseSource(seed)
        self.sizes = Sizes.draw(self._noise.generator("sizes"), assets)

    def simulate(self, rows: int, start_us: int, attacks: Sequence[PlantFault] = ()) -> list[Series]:
        """Return a series of ``rows`` readings from ``start_us`` on per asset; the columns are ``sensors``.

        :param attacks: faults of kind ``ATTACK``. They move the valves, and the control loops react.
        :raises UsageError: when an attack names no valve.
        """
        times = self._times(rows, start_us)
        flows, weather = self.simulate_physics(rows, start_us, attacks)
        exact = instruments.exact_readings(flows, weather, self.sizes, self._minutes)
        noisy = instruments.add_noise(exact, self._noise)
        values = noisy[self._settling_rows :].astype(np.float32)
        return [
            Series(asset, times[self._settling_rows :], np.ascontiguousarray(values[:, i]))
            for i, asset in enumerate(self.assets)
        ]

    def simulate_physics(
        self, rows: int, start_us: int, attacks: Sequence[PlantFault] = ()
    ) -> tuple[Flows, Weather]:
        """Return the state of water and weather before any instrument; 12 hours of settling come first."""
        times = self._times(rows, start_us)
        minutes = times / MINUTE_US
        weather = Weather.draw(self._noise, minutes, len(self.assets), self._minutes)
        forced = self._forced(times, attacks)
        demand = self._demand(minutes)
        flows = simulate_flows(self.sizes, demand, weather.turbidity, forced, step_minutes=self._minutes)
        return flows, weather

    def _times(self, rows: int, start_us: int) -> Times:
        return start_us + self.interval_us * np.arange(-self._settling_rows, rows, dtype=np.int64)

    def _demand(self, minutes: Floats) -> Floats:
        """Demand ``[rows, assets, zones]`` in m³/h: daily peaks, shifted by zone, and random variation."""
        shape = (len(self.assets), ZONES)
        rng = self._noise.generator("habits")
        late, evening = rng.uniform(-40.0, 40.0, shape), rng.uniform(0.45, 0.7, shape)
        minute = minutes[:, None, None] - late
        pattern = 0.62 + 0.55 * daily_peak(minute, 450.0, 110.0) + 0.25 * daily_peak(minute, 780.0, 180.0)
        pattern += evening * daily_peak(minute, 1150.0, 150.0)
        variation = self._noise.correlated("whims", (len(minutes), *shape), 25.0 / self._minutes)
        return self.sizes.zone_demand * pattern * (1.0 + 0.05 * np.clip(variation, -3.0, 3.0))

    def _forced(self, times: Times, attacks: Sequence[PlantFault]) -> Floats:
        """Valve positions ``[rows, assets, valves]`` under attack; NaN where the valve is under control."""
        forced = np.full((len(times), len(self.assets), len(VALVES)), np.nan)
        for attack in attacks:
            valve = attack.target_sensor
            if attack.kind is not PlantFaultKind.ATTACK or valve not in VALVES:
                raise UsageError(f"{valve} cannot be attacked; name one of {', '.join(VALVES)}")
            during = (times >= attack.start_us) & (times < attack.end_us)
            forced[during, self.assets.index(attack.asset), VALVES.index(valve)] = attack.size
        return forced
