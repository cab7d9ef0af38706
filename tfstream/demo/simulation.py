"""The readings of the demo: normal days to learn from, and a day with faults."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tfstream.core.reading import Series
from tfstream.demo.plant import fault_schedule
from tfstream.demo.plant.faults import PlantFault, attacks, inject
from tfstream.demo.plant.water_plant import MINUTE_US, WaterPlant

_START_US = 1_767_571_200_000_000  # Monday, 2026-01-05 UTC: a fixed date, so that a seed gives the same run
_DAY_MINUTES = fault_schedule.SCHEDULE_MINUTES


@dataclass(frozen=True, kw_only=True, slots=True)
class Simulation:
    """Simulated readings, one series per asset. ``faults`` happen only in ``scored_day``."""

    training_days: list[Series]
    scored_day: list[Series]
    faults: tuple[PlantFault, ...]

    @property
    def scored_from_us(self) -> int:
        """The time of the scored day's first reading."""
        return int(self.scored_day[0].times_us[0])

    @property
    def scored_until_us(self) -> int:
        """The time of the scored day's last reading."""
        return int(self.scored_day[0].times_us[-1])


def simulate(plant: WaterPlant, *, training_days: int, seed: int) -> Simulation:
    """Simulate the plant at one-minute sampling, and inject the faults into the last day."""
    training_rows = training_days * _DAY_MINUTES
    faults = fault_schedule.schedule_faults(plant, _START_US + training_rows * MINUTE_US)
    clean = plant.simulate(training_rows + _DAY_MINUTES, _START_US, attacks(faults))
    readings = inject(clean, plant.sensors, faults, seed)
    return Simulation(
        training_days=[_rows(series, slice(training_rows)) for series in readings],
        scored_day=[_rows(series, slice(training_rows, None)) for series in readings],
        faults=faults,
    )


def split_days(series: Sequence[Series]) -> Iterator[list[Series]]:
    """Yield the readings of all assets day by day."""
    for start in range(0, len(series[0].times_us), _DAY_MINUTES):
        yield [_rows(part, slice(start, start + _DAY_MINUTES)) for part in series]


def _rows(series: Series, rows: slice) -> Series:
    return Series(series.asset, series.times_us[rows], series.values[rows])
