"""Application servers: their labelled incidents, and sensor faults in their normal rows."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.studies.quality.alarms.cases import AlarmCase, CaseRun, LabelledFault
from tests.studies.quality.alarms.labelled_tables import definition, part_of, regular, require
from tests.studies.quality.alarms.sensor_faults import MAIN_KINDS, FaultPlan, inject
from tfstream.app.evaluation.train_rows_index import read_train_rows
from tfstream.app.files.sensor_table import read_labelled
from tfstream.core.quality.ranges import ranges_of
from tfstream.core.stream import MICROSECONDS

_INTERVAL_US = 300 * MICROSECONDS
_FAULT_ROWS = 96  # 8 hours
_MARGIN_ROWS = 64  # round a labelled incident no sensor fault is put


def server(data: Path | None, *, file: str, refit_days: float = 0.0) -> AlarmCase:
    """A month of a server to learn from; then a fortnight as it is, and again with sensor faults."""
    path = require(data, "asd") / file
    table, labels = read_labelled(path, label_column="label")
    series = regular(table, path.stem, _INTERVAL_US)
    learnt = read_train_rows(path)
    incidents = ranges_of(labels)
    scored = np.arange(len(labels)) >= learnt
    plan = FaultPlan(kinds=MAIN_KINDS * 3, rows=_FAULT_ROWS, apart=_FAULT_ROWS)
    rng = np.random.default_rng(learnt)
    near = np.convolve(labels, np.ones(2 * _MARGIN_ROWS + 1), mode="same") > 0
    shown, faults = inject(series, table.sensors, plan, scored & ~near, rng)
    own = tuple(
        LabelledFault(kind="incident", first=first, stop=stop)
        for first, stop in zip(incidents.first.tolist(), incidents.stop.tolist(), strict=True)
        if first >= learnt
    )
    as_it_is = CaseRun(name=path.stem, part="incidents", series=series, first_row=learnt, faults=own)
    faulty = CaseRun(
        name=f"{path.stem} faulty",
        part="sensor faults",
        series=shown,
        first_row=learnt,
        faults=faults,
        unscored=near,
    )
    return AlarmCase(
        definition=definition(path.stem, table.sensors, _INTERVAL_US),
        learn=[part_of(series, 0, learnt)],
        runs=[as_it_is] if refit_days else [as_it_is, faulty],
        refit_days=refit_days,
    )
