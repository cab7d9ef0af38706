"""Public suites: labelled files, each with the rows that a method learns first."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from tests.studies.quality.alarms.cases import AlarmCase, CaseRun, LabelledFault
from tests.studies.quality.alarms.labelled_tables import definition, part_of, regular, require
from tfstream.app.evaluation.train_rows_index import read_train_rows
from tfstream.app.files.sampling_interval import infer_interval_us
from tfstream.app.files.sensor_table import read_labelled
from tfstream.core.quality.ranges import ranges_of
from tfstream.errors import BadData

SUITES: Mapping[str, int | None] = MappingProxyType({"msl": None, "skab": 400, "water": None})
"""The rows to learn from; None: as ``index.csv`` says. Application servers are in ``server_cases.py``."""
WITHOUT_EVENTS = frozenset({"index.csv", "normal.csv"})


def labelled_suite(data: Path | None, *, suite: str, file: str, train_rows: int | None) -> AlarmCase:
    """A file of a suite; ``train_rows`` None: as its ``index.csv`` says."""
    path = require(data, suite) / file
    table, labels = read_labelled(path, label_column="label")
    interval_us = infer_interval_us(table.assets, table.times_us)
    if interval_us is None:
        raise BadData(f"{file} has a single time")
    series = regular(table, path.stem, interval_us)
    learnt = train_rows or read_train_rows(path)
    events = ranges_of(labels)
    faults = tuple(
        LabelledFault(kind="event", first=first, stop=stop)
        for first, stop in zip(events.first.tolist(), events.stop.tolist(), strict=True)
        if first >= learnt
    )
    run = CaseRun(name=path.stem, part="events", series=series, first_row=learnt, faults=faults)
    return AlarmCase(
        definition=definition(path.stem, table.sensors, interval_us),
        learn=[part_of(series, 0, learnt)],
        runs=[run],
    )
