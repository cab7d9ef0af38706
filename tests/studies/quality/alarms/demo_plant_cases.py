"""The demo's plant at several sampling intervals: its schedule of faults, and faults of its sensors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tests.studies.quality.alarms.cases import AlarmCase, CaseRun, LabelledFault
from tests.studies.quality.alarms.labelled_tables import START_US, definition, part_of
from tests.studies.quality.alarms.sensor_faults import MAIN_KINDS, FaultPlan, FaultySeries
from tests.studies.quality.alarms.sensor_faults import inject as inject_sensor_faults
from tfstream.core.reading import Series
from tfstream.core.stream import MICROSECONDS, StreamDefinition
from tfstream.demo.plant.fault_schedule import SCHEDULE_MINUTES, schedule_faults
from tfstream.demo.plant.faults import PlantFault, PlantFaultKind, attacks, inject
from tfstream.demo.plant.water_plant import MINUTE_US, WaterPlant

_DAY_US = SCHEDULE_MINUTES * MINUTE_US
_FAULT_HOURS = 8
_SIZES = (0.5, 1.0, 2.0)


def demo_plant(
    data: Path | None,
    *,
    seed: int,
    interval_s: int,
    average: int = 1,
    learn_days: float = 4,
    scored_days: int = 1,
    varied: bool = False,
    refit_days: float = 0.0,
    learnt_faults: int = 0,
) -> AlarmCase:
    """The plant of the demo: normal days to learn from, then days with the schedule's eight faults each.

    :param learnt_faults: faults of the schedule, drawn by the seed, within the days to learn from.
    :param average: rows of ``interval_s`` that are averaged into each row that the detector sees.
    :param varied: faults at other times and of other sizes, drawn by the seed, instead of the schedule's.
    """
    plant = WaterPlant(seed=seed, interval_us=interval_s * MICROSECONDS)
    learn_us = round(learn_days * _DAY_US)
    faults = _faults(plant, START_US + learn_us, scored_days, seed if varied else None)
    rows = (learn_us + scored_days * _DAY_US) // plant.interval_us
    shown_faults = [*_learnt_faults(plant, round(learn_days), learnt_faults, seed), *faults]
    clean = plant.simulate(rows, START_US, attacks(shown_faults))
    shown = inject(clean, plant.sensors, _same_in_time(shown_faults, plant), seed)
    series = [averaged(part, average) for part in shown]
    stream = definition("demo-plant", plant.sensors, plant.interval_us * average)
    learnt = learn_us // stream.interval_us
    return AlarmCase(
        definition=stream,
        learn=[part_of(part, 0, learnt) for part in series],
        runs=[
            CaseRun(
                name=part.asset,
                part="varied faults" if varied else "schedule",
                series=part,
                first_row=learnt,
                faults=_labelled(part.asset, faults, stream),
            )
            for part in series
        ],
        refit_days=refit_days,
    )


class NormalPlant(NamedTuple):
    """The assets of a demo plant without faults, of which the first ``learnt`` rows are to learn from."""

    definition: StreamDefinition
    series: list[Series]
    learnt: int


def normal_plant(seed: int, *, interval_s: int, learn_days: int, scored_days: int) -> NormalPlant:
    """Days of a demo plant without a fault."""
    plant = WaterPlant(seed=seed, interval_us=interval_s * MICROSECONDS)
    learnt = learn_days * _DAY_US // plant.interval_us
    rows = learnt + scored_days * _DAY_US // plant.interval_us
    stream = definition("demo-plant", plant.sensors, plant.interval_us)
    return NormalPlant(stream, plant.simulate(rows, START_US), learnt)


def demo_plant_sensors(data: Path | None, *, seed: int, interval_s: int, scored_days: int) -> AlarmCase:
    """Normal days of the demo's plant with sensor faults of eight hours, eight hours apart."""
    plant = normal_plant(seed, interval_s=interval_s, learn_days=4, scored_days=scored_days)
    sensors, learnt = plant.definition.sensors, plant.learnt
    hours = _FAULT_HOURS * 3600 * MICROSECONDS // plant.definition.interval_us
    plan = FaultPlan(kinds=MAIN_KINDS * scored_days, rows=hours, apart=hours)
    faulty = [
        _with_sensor_faults(part, sensors, learnt, plan, number) for number, part in enumerate(plant.series)
    ]
    return AlarmCase(
        definition=plant.definition,
        learn=[part_of(part, 0, learnt) for part in plant.series],
        runs=[
            CaseRun(name=part.asset, part="sensor faults", series=shown, first_row=learnt, faults=faults)
            for part, (shown, faults) in zip(plant.series, faulty, strict=True)
        ],
    )


def _with_sensor_faults(
    part: Series, sensors: Sequence[str], learnt: int, plan: FaultPlan, number: int
) -> FaultySeries:
    usable = np.arange(len(part.values)) >= learnt
    return inject_sensor_faults(part, sensors, plan, usable, np.random.default_rng([7, number]))


def averaged(series: Series, rows: int) -> Series:
    """Means of ``rows`` rows, at the time of the first of them."""
    count = len(series.values) // rows
    values = series.values[: count * rows].reshape(count, rows, -1).mean(axis=1)
    return Series(series.asset, series.times_us[: count * rows : rows], values.astype(np.float32))


def _faults(plant: WaterPlant, start_us: int, days: int, seed: int | None) -> tuple[PlantFault, ...]:
    scheduled = [fault for day in range(days) for fault in schedule_faults(plant, start_us + day * _DAY_US)]
    if seed is None:
        return tuple(scheduled)
    rng = np.random.default_rng(seed)
    return tuple(_varied(fault, rng) for fault in scheduled)


def _learnt_faults(plant: WaterPlant, days: int, count: int, seed: int) -> list[PlantFault]:
    """Some of the faults that the schedule has from the start on; nobody labels them."""
    scheduled = _faults(plant, START_US, days, None)
    chosen = np.random.default_rng(seed).choice(len(scheduled), count, replace=False)
    return [scheduled[number] for number in np.sort(chosen).tolist()]


def _varied(fault: PlantFault, rng: np.random.Generator) -> PlantFault:
    """At another time within an hour, of another length and size. Attacks keep the valve's position."""
    shift_us = int(rng.integers(-60, 61)) * MINUTE_US
    start_us = fault.start_us + shift_us
    length_us = round((fault.end_us - fault.start_us) * float(rng.uniform(0.5, 1.5)))
    fixed = fault.kind in (PlantFaultKind.ATTACK, PlantFaultKind.DECOUPLED, PlantFaultKind.STUCK)
    size = fault.size if fixed else fault.size * float(rng.choice(_SIZES)) * float(rng.choice((-1.0, 1.0)))
    size = abs(size) if fault.kind is PlantFaultKind.NOISE else size
    return replace(fault, start_us=start_us, end_us=start_us + length_us, size=size)


def _same_in_time(faults: Sequence[PlantFault], plant: WaterPlant) -> list[PlantFault]:
    """The schedule counts the delay of a decoupled sensor in rows of a minute."""
    rows_of_a_minute = MINUTE_US / plant.interval_us
    return [
        replace(fault, size=fault.size * rows_of_a_minute)
        if fault.kind is PlantFaultKind.DECOUPLED
        else fault
        for fault in faults
    ]


def _labelled(
    asset: str, faults: Sequence[PlantFault], stream: StreamDefinition
) -> tuple[LabelledFault, ...]:
    return tuple(
        LabelledFault(
            kind=f"{fault.kind.value} {fault.target_sensor}",
            first=(fault.start_us - START_US) // stream.interval_us,
            stop=-(-(fault.end_us - START_US) // stream.interval_us),
            sensors=fault.sensors,
        )
        for fault in faults
        if fault.asset == asset
    )
