"""The Tennessee Eastman process: disturbances of the plant, and faults of its sensors."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from tests.studies.quality.alarms.cases import AlarmCase, CaseRun, LabelledFault
from tests.studies.quality.alarms.labelled_tables import definition, read_series, require
from tests.studies.quality.alarms.sensor_faults import MAIN_KINDS, MORE_KINDS, FaultPlan, inject
from tfstream.app.files.sensor_table import read_table
from tfstream.core.reading import Series
from tfstream.core.stream import MICROSECONDS

_INTERVAL_US = 180 * MICROSECONDS
_NORMAL_ROWS = 480  # of a run, before its disturbance begins
_FAULT_ROWS = 160  # 8 hours
_PER_MONTH, _MORE_MONTHS = 40, 3
_ASSET = "tep"


def tep(data: Path | None, *, months: int, runs: int | None) -> AlarmCase:
    """A month to learn from; then disturbances, a normal month, and that month with sensor faults.

    :param months: how many copies of the normal month get 40 sensor faults each, all kinds alike.
    :param runs: at most so many disturbances.
    """
    folder = require(data, "tep")
    learnt = _learnt(folder)
    sensors = learnt.definition.sensors
    month = read_series(folder / "normal_a.parquet", _ASSET, _INTERVAL_US)
    scored = [
        *list(_disturbances(folder))[:runs],
        CaseRun(name="normal_a", part="normal month", series=month),
        *_faulty_months(month, sensors, MAIN_KINDS, months, "sensor faults"),
        *_faulty_months(month, sensors, MORE_KINDS, min(months, _MORE_MONTHS), "more sensor faults"),
    ]
    return replace(learnt, runs=scored)


def tep_disturbances(data: Path | None, *, folder: str, runs: int | None) -> AlarmCase:
    """The same month to learn from, and the disturbances in another folder."""
    return replace(_learnt(require(data, "tep")), runs=list(_disturbances(Path(folder)))[:runs])


def _learnt(folder: Path) -> AlarmCase:
    """The case without runs."""
    path = folder / "normal_train.parquet"
    sensors = read_table(path, rows=1).sensors
    return AlarmCase(
        definition=definition("tep", sensors, _INTERVAL_US),
        learn=[read_series(path, _ASSET, _INTERVAL_US)],
        runs=[],
    )


def _disturbances(folder: Path) -> Iterator[CaseRun]:
    for path in sorted(folder.glob("idv_*.parquet")):
        series = read_series(path, _ASSET, _INTERVAL_US)
        fault = LabelledFault(kind="disturbance", first=_NORMAL_ROWS, stop=len(series.values))
        yield CaseRun(name=path.stem, part="disturbances", series=series, faults=(fault,))


def _faulty_months(
    month: Series, sensors: tuple[str, ...], kinds: tuple[str, ...], months: int, part: str
) -> Iterator[CaseRun]:
    usable = np.ones(len(month.values), dtype=np.bool_)
    plan = FaultPlan(kinds=kinds * (_PER_MONTH // len(kinds)), rows=_FAULT_ROWS, apart=_FAULT_ROWS)
    for number in range(months):
        rng = np.random.default_rng([len(kinds), number])
        series, faults = inject(month, sensors, plan, usable, rng)
        clean = month.values if number == 0 and kinds is MAIN_KINDS else None
        yield CaseRun(name=f"{part} {number}", part=part, series=series, faults=faults, clean=clean)
