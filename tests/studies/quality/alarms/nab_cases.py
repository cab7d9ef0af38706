"""The Numenta Anomaly Benchmark: single sensors, with labelled windows.

A method learns the probationary rows (the first 15 %, at most 750) as NAB asks. The rows of a file are the
grid, as in ``tfstream evaluate``.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd

from tests.studies.quality.alarms.cases import AlarmCase, CaseRun, LabelledFault
from tests.studies.quality.alarms.labelled_tables import definition, part_of, regular, require
from tests.studies.quality.alarms.nab_score import NabWindow, probation_rows
from tfstream.app.files.sampling_interval import infer_interval_us
from tfstream.app.files.sensor_table import read_table
from tfstream.errors import BadData

_REFITS = 12  # in a file
_DAY_US = 86_400_000_000


def nab(data: Path | None, *, file: str, refits: bool) -> AlarmCase:
    """A file with one fit, or with a refit after every twelfth of its rows on all rows so far."""
    folder = require(data, "nab")
    table = read_table(folder / file)
    interval_us = infer_interval_us(table.assets, table.times_us)
    if interval_us is None:
        raise BadData(f"{file} has a single time")
    stem = Path(file).stem
    series = regular(table, stem, interval_us)
    rows = len(series.values)
    learnt = probation_rows(rows)
    faults = tuple(
        LabelledFault(kind=group_of(file), first=window.first, stop=window.last + 1)
        for window in windows_of(folder, file, table.times_us)
    )
    run = CaseRun(name=stem, part="all files", series=series, first_row=learnt, faults=faults)
    days = rows * interval_us / _DAY_US
    return AlarmCase(
        definition=definition(stem, table.sensors, interval_us),
        learn=[part_of(series, 0, learnt)],
        runs=[run],
        refit_days=days / _REFITS if refits else 0.0,
        history_days=days,
        nab=True,
    )


def group_of(file: str) -> str:
    """The group of files that NAB puts a file into."""
    return file.split("_")[0]


def windows_of(folder: Path, file: str, times_us: np.ndarray) -> list[NabWindow]:
    """The labelled windows of a file in rows; a window holds the rows from its first to its last time."""
    document = json.loads((folder / "windows.json").read_text(encoding="utf-8"))
    windows = []
    for begin, end in document[file]:
        first_us, last_us = (int(pd.Timestamp(time, tz="UTC").timestamp() * 1e6) for time in (begin, end))
        rows = np.flatnonzero((times_us >= first_us) & (times_us <= last_us))
        windows.append(NabWindow(int(rows[0]), int(rows[-1])))
    return windows
