"""A wide asset at one row a second: 127 sensors of three waterworks, with faults of minutes to hours."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.studies.quality.alarms.cases import AlarmCase, CaseRun
from tests.studies.quality.alarms.labelled_tables import START_US, definition, part_of
from tests.studies.quality.alarms.sensor_faults import MAIN_KINDS, FaultPlan, inject
from tests.studies.simulated_readings import SECOND_US
from tfstream.core.reading import Series
from tfstream.demo.plant.water_plant import WaterPlant

_SENSORS = 127
_LEARN_ROWS = 24 * 3600
_CONTEXT_ROWS = 3600
_LENGTHS = {"faults of 5 min": 300, "faults of 30 min": 1800, "faults of 2 h": 7200}


def wide(data: Path | None, *, hours: int) -> AlarmCase:
    """A day to learn from; then ``hours`` with faults of each length, eight kinds in a random order."""
    sensors, series = _waterworks(_LEARN_ROWS + hours * 3600)
    scored = part_of(series, _LEARN_ROWS - _CONTEXT_ROWS)
    return AlarmCase(
        definition=definition("wide", sensors, SECOND_US),
        learn=[part_of(series, 0, _LEARN_ROWS)],
        runs=[_run(scored, sensors, part, length) for part, length in _LENGTHS.items()],
    )


def _waterworks(rows: int) -> tuple[tuple[str, ...], Series]:
    """The sensors of all three waterworks of the demo's plant as those of one asset."""
    plant = WaterPlant(seed=0, interval_us=SECOND_US)
    works = plant.simulate(rows, START_US)
    names = [f"{part.asset} {name}" for part in works for name in plant.sensors]
    values = np.concatenate([part.values for part in works], axis=1)[:, :_SENSORS]
    return tuple(names[:_SENSORS]), Series("wide", works[0].times_us, np.ascontiguousarray(values))


def _run(scored: Series, sensors: tuple[str, ...], part: str, length: int) -> CaseRun:
    usable = np.arange(len(scored.values)) >= _CONTEXT_ROWS
    plan = FaultPlan(kinds=MAIN_KINDS * 12, rows=length, apart=max(length, 600))
    shown, faults = inject(scored, sensors, plan, usable, np.random.default_rng(length))
    return CaseRun(name=part, part=part, series=shown, first_row=_CONTEXT_ROWS, faults=faults)
