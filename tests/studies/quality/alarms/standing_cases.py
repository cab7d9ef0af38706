"""Shifts that stay: a plant that works at other levels from some hour on, and sensor faults long after that.

An operator wants an alarm when the shift comes, and alarms for the faults within it. An alarm that stands for
as long as the shift hides them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tests.studies.quality.alarms.cases import AlarmCase, CaseRun, LabelledFault
from tests.studies.quality.alarms.demo_plant_cases import normal_plant
from tests.studies.quality.alarms.labelled_tables import definition, part_of, read_series, require
from tests.studies.quality.alarms.sensor_faults import MAIN_KINDS, FaultPlan, inject
from tfstream.app.files.sensor_table import read_table
from tfstream.core.reading import Series, Values
from tfstream.core.stream import MICROSECONDS

_HOUR_US = 3600 * MICROSECONDS
_DAY_HOURS, _FAULT_HOURS = 24, 8
_PLANT_DAYS = 10
_MOVED = 6  # a sixth of the moving sensors, two at least
_SIZES = (1.5, 3.0)  # deviations
_RAMP_HOURS = 12
_NOISIER = 0.5  # deviations of white noise that a mode adds
SHIFTS = ("step", "ramp", "mode")


def tep_shifts(data: Path | None) -> AlarmCase:
    """The Tennessee Eastman process: a month to learn from, then a normal month with each kind of shift."""
    folder, interval_us = require(data, "tep"), 180 * MICROSECONDS
    path = folder / "normal_train.parquet"
    month = read_series(folder / "normal_a.parquet", "tep", interval_us)
    sensors = read_table(path, rows=1).sensors
    return AlarmCase(
        definition=definition("tep", sensors, interval_us),
        learn=[read_series(path, "tep", interval_us)],
        runs=list(_runs([month], sensors, 0)),
    )


def plant_shifts(data: Path | None, *, seed: int) -> AlarmCase:
    """The demo's plant: four normal days to learn from, then ten days, in each asset another shift."""
    plant = normal_plant(seed, interval_s=60, learn_days=4, scored_days=_PLANT_DAYS)
    return AlarmCase(
        definition=plant.definition,
        learn=[part_of(part, 0, plant.learnt) for part in plant.series],
        runs=list(_runs(plant.series, plant.definition.sensors, plant.learnt)),
    )


def _runs(series: Sequence[Series], sensors: Sequence[str], first_row: int) -> Iterator[CaseRun]:
    """A run for each kind of shift, in turn on each series."""
    for number, kind in enumerate(SHIFTS):
        yield shifted_run(series[number % len(series)], sensors, kind, first_row, number)


def shifted_run(series: Series, sensors: Sequence[str], kind: str, first_row: int, seed: int) -> CaseRun:
    """A shift a day after ``first_row``, and from the day after it on sensor faults of eight hours.

    The shift is the fault of its first day; what is raised between the faults of the days after it is false.
    """
    rng = np.random.default_rng([17, seed])
    day = _DAY_HOURS * _HOUR_US // _interval_us(series)
    hours = _FAULT_HOURS * _HOUR_US // _interval_us(series)
    first = first_row + day
    shown, moved = _shifted(series, kind, first, rng)
    usable = np.arange(len(shown.values)) >= first + day
    days = (len(shown.values) - first - day) // (2 * hours)
    plan = FaultPlan(kinds=(MAIN_KINDS * (days // len(MAIN_KINDS) + 1))[:days], rows=hours, apart=hours)
    faulty, faults = inject(shown, sensors, plan, usable, rng)
    own = LabelledFault(
        kind=f"the shift itself: {kind}",
        first=first,
        stop=first + day,
        sensors=tuple(sensors[sensor] for sensor in moved.tolist()),
    )
    return CaseRun(
        name=f"{series.asset} {kind}",
        part="faults within a shift",
        series=faulty,
        first_row=first_row,
        faults=(own, *faults),
    )


class _ShiftedSeries(NamedTuple):
    """A series with a shift, and the sensors that it moved, by column."""

    series: Series
    moved: NDArray[np.int64]


def _interval_us(series: Series) -> int:
    return int(series.times_us[1] - series.times_us[0])


def _shifted(series: Series, kind: str, first: int, rng: np.random.Generator) -> _ShiftedSeries:
    """The series with a shift from row ``first`` to its end; a ramp grows over twelve hours."""
    values: Values = series.values.copy()
    deviation = np.nanstd(values[:first], axis=0)
    moving = np.flatnonzero(deviation > 0)
    moved = np.sort(rng.choice(moving, size=max(len(moving) // _MOVED, 2), replace=False))
    sizes = rng.uniform(*_SIZES, size=len(moved)) * rng.choice((-1.0, 1.0), size=len(moved))
    rows = len(values) - first
    growth = np.ones(rows)
    if kind == "ramp":
        ramp = _RAMP_HOURS * _HOUR_US // _interval_us(series)
        growth = np.minimum(np.arange(1, rows + 1) / ramp, 1.0)
    change = growth[:, None] * sizes
    if kind == "mode":
        change = change + _NOISIER * rng.normal(size=change.shape)
    values[first:, moved] += (change * deviation[moved]).astype(np.float32)
    return _ShiftedSeries(series._replace(values=values), moved)
