"""The simulated month: two waterworks, and the events that make unattended learning difficult.

The demo's plant sends readings every two minutes. Some sensors drift slowly all the time. One waterworks has
a week of maintenance, and later an exchanged transmitter that reads higher from then on. In the other, a
sensor is wrong for three days. Both have short faults. The seed decides everything.
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
    """The kinds of events."""

    MAINTENANCE = "maintenance"  # known in advance: excluded
    SHIFT = "new normal"  # an exchanged transmitter: accepted by the operator
    LONG = "three-day fault"
    SHORT = "short fault"


@dataclass(frozen=True, kw_only=True, slots=True)
class MonthEvent:
    """An event of the month; ``end_us`` is not included."""

    kind: MonthEventKind
    asset: str
    sensors: tuple[str, ...]
    start_us: int
    end_us: int

    def overlaps(self, start_us: int, end_us: int, grace_us: int = 0) -> bool:
        """Whether a span overlaps the event, or begins within ``grace_us`` after it."""
        return start_us < self.end_us + grace_us and end_us > self.start_us


@dataclass(frozen=True, kw_only=True)
class SimulatedMonth:
    """The series of both waterworks, ``days`` days after the days of the first model, and the events."""

    plant: WaterPlant
    days: int
    series: list[Series]
    events: tuple[MonthEvent, ...]

    @property
    def sensors(self) -> tuple[str, ...]:
        return tuple(self.plant.sensors)

    def day(self, number: int) -> list[Series]:
        """The readings of a day, counted from the first day of the first model."""
        rows = slice(number * DAY_ROWS, (number + 1) * DAY_ROWS)
        return [Series(asset, times_us[rows], values[rows]) for asset, times_us, values in self.series]

    def events_of(self, kind: MonthEventKind) -> list[MonthEvent]:
        return [event for event in self.events if event.kind is kind]


def day_us(day: float) -> int:
    """The beginning of a day of the month; day 0 follows the days of the first model."""
    return START_US + round((LEARNT_DAYS + day) * DAY_US)


def build(seed: int, days: int) -> SimulatedMonth:
    """The month, or its first ``days`` days; an event that does not fit into them is left out."""
    plant = WaterPlant(seed, assets=2, interval_us=INTERVAL_US)
    first_works, second_works = plant.assets
    plan = [(kind, fault) for kind, fault in _plan(first_works, second_works) if fault.end_us <= day_us(days)]
    faults = [fault for _, fault in plan]
    work = [fault for fault in _maintenance(first_works) if fault.end_us <= day_us(days)]
    rows = (LEARNT_DAYS + days) * DAY_ROWS
    series = plant.simulate(rows, START_US, attacks([*faults, *work]))
    sensors = tuple(plant.sensors)
    series = [asset._replace(values=_drifted(asset, sensors, _days(asset))) for asset in series]
    series = inject(series, sensors, [*faults, *work], seed)
    events = [_event(kind, fault) for kind, fault in plan]
    if work:
        events.append(_maintenance_event(first_works, work))
    events.sort(key=lambda event: event.start_us)
    return SimulatedMonth(plant=plant, days=days, series=series, events=tuple(events))


def readings_on_day(series: Sequence[Series], sensors: tuple[str, ...], day: float) -> list[Series]:
    """Readings without faults, with the instruments' drift of a day of the month."""
    shown = []
    for clean in series:
        values = _drifted(clean, sensors, np.full(len(clean.times_us), LEARNT_DAYS + day))
        if clean.asset == _SHIFTED[0] and day >= _SHIFT_DAY:
            column = sensors.index(_SHIFTED[1])
            values[:, column] += _SHIFT * np.nanstd(clean.values[:, column])
        shown.append(clean._replace(values=values))
    return shown


def _plan(first_works: str, second_works: str) -> Iterable[tuple[MonthEventKind, PlantFault]]:
    """All events but the maintenance, in the order of their time."""
    yield MonthEventKind.SHORT, _fault(first_works, PlantFaultKind.NOISE, "P101_VIB", 1.2, 0.15, 0.6)
    yield MonthEventKind.SHORT, _fault(second_works, PlantFaultKind.STUCK, "LIT201_LEVEL", 2.4, 0.12)
    yield MonthEventKind.SHORT, _fault(first_works, PlantFaultKind.ATTACK, "MV101_POS", 3.6, 0.1, 1.0)
    yield (
        MonthEventKind.SHORT,
        _fault(second_works, PlantFaultKind.DECOUPLED, "FIT202_FLOW", 5.3, 0.12, 1020.0),
    )
    yield MonthEventKind.SHORT, _fault(second_works, PlantFaultKind.ATTACK, "PCV302_POS", 8.5, 0.08, 0.25)
    yield MonthEventKind.LONG, _fault(second_works, PlantFaultKind.OFFSET, "LIT101_LEVEL", 11.125, 3.0, 3.0)
    yield (
        MonthEventKind.SHIFT,
        _fault(first_works, PlantFaultKind.OFFSET, _SHIFTED[1], _SHIFT_DAY, 28 - _SHIFT_DAY, _SHIFT),
    )
    yield MonthEventKind.SHORT, _fault(second_works, PlantFaultKind.NOISE, "P202_VIB", 18.3, 0.12, 0.8)
    yield MonthEventKind.SHORT, _fault(first_works, PlantFaultKind.DECOUPLED, "FIT201_FLOW", 20.4, 0.1, 900.0)
    yield MonthEventKind.SHORT, _fault(second_works, PlantFaultKind.ATTACK, "MV101_POS", 22.5, 0.1, 1.0)
    yield MonthEventKind.SHORT, _fault(first_works, PlantFaultKind.STUCK, "LIT301_LEVEL", 24.3, 0.15)
    yield MonthEventKind.SHORT, _fault(second_works, PlantFaultKind.OFFSET, "P201_BRG_TEMP", 26.6, 0.1, -3.0)
    yield MonthEventKind.SHORT, _fault(first_works, PlantFaultKind.ATTACK, "PCV301_POS", 27.4, 0.1, 0.25)


def _maintenance(asset: str) -> list[PlantFault]:
    """A week from day 5 on: every day a zone is closed, and instruments are calibrated in turn."""
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


def _event(kind: MonthEventKind, fault: PlantFault) -> MonthEvent:
    return MonthEvent(
        kind=kind, asset=fault.asset, sensors=fault.sensors, start_us=fault.start_us, end_us=fault.end_us
    )


def _maintenance_event(asset: str, work: list[PlantFault]) -> MonthEvent:
    return MonthEvent(
        kind=MonthEventKind.MAINTENANCE,
        asset=asset,
        sensors=(),
        start_us=day_us(5),
        end_us=max(fault.end_us for fault in work),
    )


def _days(series: Series) -> NDArray[np.float64]:
    days: NDArray[np.float64] = (series.times_us - START_US) / DAY_US
    return days


def _drifted(series: Series, sensors: tuple[str, ...], days: NDArray[np.float64]) -> Values:
    """The series with a slow drift, as from fouling, wear and season."""
    values = series.values.copy()
    for name in _DRIFTING:
        column = sensors.index(name)
        values[:, column] += _DRIFT_A_DAY * np.nanstd(series.values[:, column]) * days
    return values
