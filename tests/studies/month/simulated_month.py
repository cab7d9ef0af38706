"""What happens in the simulated month: two waterworks, and everything that makes unattended learning hard.

Readings come every two minutes from the demo's plant. Some sensors drift slowly all the time. One works has a
week of maintenance, and later a transmitter is exchanged and shows more from then on; at the other a sensor
is wrong for three days; and short faults happen now and then. Everything follows from the seed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from tfstream.core.reading import Series, Values
from tfstream.demo.plant.faults import PlantFault, PlantFaultKind, attacks, inject
from tfstream.demo.plant.water_plant import MINUTE_US, WaterPlant

DAY_US = 1440 * MINUTE_US
INTERVAL_US = 2 * MINUTE_US
DAY_ROWS = DAY_US // INTERVAL_US
START_US = 1_767_571_200_000_000  # Monday 2026-01-05 00:00 UTC
LEARNT_DAYS = 14  # before the month begins: the first model's readings
_DRIFTING = ("AIT101_TURB", "AIT102_COND", "DPIT201_FILTER", "P201_VIB")
_DRIFT_A_DAY = 0.03  # deviations
_SHIFTED, _SHIFT_DAY, _SHIFT = ("north-works", "AIT203_PH"), 16.25, 2.5
_WORK = ("PCV301_POS", "PIT101_PRESS", "FIT201_FLOW", "AIT202_CL2", "P101_VIB")


class MonthEventKind(StrEnum):
    """What a span of the month is."""

    MAINTENANCE = "maintenance"  # known to everybody: excluded
    SHIFT = "new normal"  # an exchanged transmitter: accepted by the operator
    LONG = "three-day fault"
    SHORT = "short fault"


@dataclass(frozen=True, kw_only=True, slots=True)
class MonthEvent:
    """One piece of the truth; ``end_us`` is not included."""

    sort: MonthEventKind
    asset: str
    sensors: tuple[str, ...]
    start_us: int
    end_us: int

    def overlaps(self, start_us: int, end_us: int, grace_us: int = 0) -> bool:
        """Whether a span overlaps it, or begins within the grace after it."""
        return start_us < self.end_us + grace_us and end_us > self.start_us


@dataclass(frozen=True, kw_only=True)
class SimulatedMonth:
    """``days`` after the learnt ones, as series of both works, and the truth about them."""

    plant: WaterPlant
    days: int
    series: list[Series]
    events: tuple[MonthEvent, ...]

    @property
    def sensors(self) -> tuple[str, ...]:
        return tuple(self.plant.sensors)

    def day(self, number: int) -> list[Series]:
        """The readings of a day, counted from the beginning of what is learnt from first."""
        first = number * DAY_ROWS
        return [
            one._replace(
                times_us=one.times_us[first : first + DAY_ROWS], values=one.values[first : first + DAY_ROWS]
            )
            for one in self.series
        ]

    def events_of(self, sort: MonthEventKind) -> list[MonthEvent]:
        return [one for one in self.events if one.sort is sort]


def day_us(day: float) -> int:
    """The moment at which a day of the month begins, the learnt ones not counted."""
    return START_US + round((LEARNT_DAYS + day) * DAY_US)


def build(seed: int, days: int) -> SimulatedMonth:
    """The month, or the beginning of it; what does not fit into ``days`` does not happen."""
    plant = WaterPlant(seed, assets=2, interval_us=INTERVAL_US)
    here, there = plant.assets
    plan = [one for one in _plan(here, there) if one[1].end_us <= day_us(days)]
    faults = [fault for _, fault in plan]
    work = [fault for fault in _maintenance(here) if fault.end_us <= day_us(days)]
    rows = (LEARNT_DAYS + days) * DAY_ROWS
    series = plant.simulate(rows, START_US, attacks([*faults, *work]))
    sensors = tuple(plant.sensors)
    series = [one._replace(values=_drifted(one, sensors, _days(one))) for one in series]
    series = inject(series, sensors, [*faults, *work], seed)
    events = [_event(sort, fault) for sort, fault in plan]
    if work:
        events.append(_week(here, work))
    events.sort(key=lambda one: one.start_us)
    return SimulatedMonth(plant=plant, days=days, series=series, events=tuple(events))


def readings_on_day(series: Sequence[Series], sensors: tuple[str, ...], day: float) -> list[Series]:
    """Clean readings of the plant as its instruments would show them on a day of the month."""
    shown = []
    for one in series:
        values = _drifted(one, sensors, np.full(len(one.times_us), LEARNT_DAYS + day))
        if one.asset == _SHIFTED[0] and day >= _SHIFT_DAY:
            column = sensors.index(_SHIFTED[1])
            values[:, column] += _SHIFT * np.nanstd(one.values[:, column])
        shown.append(one._replace(values=values))
    return shown


def _plan(here: str, there: str) -> Iterable[tuple[MonthEventKind, PlantFault]]:
    """All but the maintenance, in the order of the tale."""
    yield MonthEventKind.SHORT, _fault(here, PlantFaultKind.NOISE, "P101_VIB", 1.2, 0.15, 0.6)
    yield MonthEventKind.SHORT, _fault(there, PlantFaultKind.STUCK, "LIT201_LEVEL", 2.4, 0.12)
    yield MonthEventKind.SHORT, _fault(here, PlantFaultKind.ATTACK, "MV101_POS", 3.6, 0.1, 1.0)
    yield MonthEventKind.SHORT, _fault(there, PlantFaultKind.DECOUPLED, "FIT202_FLOW", 5.3, 0.12, 1020.0)
    yield MonthEventKind.SHORT, _fault(there, PlantFaultKind.ATTACK, "PCV302_POS", 8.5, 0.08, 0.25)
    yield MonthEventKind.LONG, _fault(there, PlantFaultKind.OFFSET, "LIT101_LEVEL", 11.125, 3.0, 3.0)
    yield (
        MonthEventKind.SHIFT,
        _fault(here, PlantFaultKind.OFFSET, _SHIFTED[1], _SHIFT_DAY, 28 - _SHIFT_DAY, _SHIFT),
    )
    yield MonthEventKind.SHORT, _fault(there, PlantFaultKind.NOISE, "P202_VIB", 18.3, 0.12, 0.8)
    yield MonthEventKind.SHORT, _fault(here, PlantFaultKind.DECOUPLED, "FIT201_FLOW", 20.4, 0.1, 900.0)
    yield MonthEventKind.SHORT, _fault(there, PlantFaultKind.ATTACK, "MV101_POS", 22.5, 0.1, 1.0)
    yield MonthEventKind.SHORT, _fault(here, PlantFaultKind.STUCK, "LIT301_LEVEL", 24.3, 0.15)
    yield MonthEventKind.SHORT, _fault(there, PlantFaultKind.OFFSET, "P201_BRG_TEMP", 26.6, 0.1, -3.0)
    yield MonthEventKind.SHORT, _fault(here, PlantFaultKind.ATTACK, "PCV301_POS", 27.4, 0.1, 0.25)


def _maintenance(asset: str) -> list[PlantFault]:
    """A week from day 5 on: by day a zone is shut, and one instrument after the other is calibrated."""
    work = []
    for day in range(5, 12):
        work.append(_fault(asset, PlantFaultKind.ATTACK, "PCV301_POS", day + 0.35, 0.25, 0.05))
        for number, sensor in enumerate(_WORK[1:]):
            work.append(_fault(asset, PlantFaultKind.OFFSET, sensor, day + 0.4 + 0.05 * number, 0.04, 4.0))
    return work


def _fault(
    asset: str, kind: PlantFaultKind, sensor: str, day: float, lasts: float, size: float = 0.0
) -> PlantFault:
    return PlantFault(
        asset=asset,
        kind=kind,
        sensors=(sensor,),
        start_us=day_us(day),
        end_us=day_us(day) + round(lasts * DAY_US / MINUTE_US) * MINUTE_US,
        size=size,
    )


def _event(sort: MonthEventKind, fault: PlantFault) -> MonthEvent:
    return MonthEvent(
        sort=sort, asset=fault.asset, sensors=fault.sensors, start_us=fault.start_us, end_us=fault.end_us
    )


def _week(asset: str, work: list[PlantFault]) -> MonthEvent:
    return MonthEvent(
        sort=MonthEventKind.MAINTENANCE,
        asset=asset,
        sensors=(),
        start_us=day_us(5),
        end_us=max(fault.end_us for fault in work),
    )


def _days(series: Series) -> NDArray[np.float64]:
    days: NDArray[np.float64] = (series.times_us - START_US) / DAY_US
    return days


def _drifted(series: Series, sensors: tuple[str, ...], days: NDArray[np.float64]) -> Values:
    """Fouling, wear and the season: slow, and for ever."""
    values = series.values.copy()
    for name in _DRIFTING:
        column = sensors.index(name)
        values[:, column] += _DRIFT_A_DAY * np.nanstd(series.values[:, column]) * days
    return values
