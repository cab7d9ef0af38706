"""A case of the study of alarms: normal series to learn from, and runs with labelled faults to score."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tfstream.core.quality.event_quality import GRACE_ROWS
from tfstream.core.reading import Series, Values
from tfstream.core.stream import StreamDefinition

Mask = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True, slots=True)
class LabelledFault:
    """A fault in the rows ``first`` to ``stop`` of a run.

    ``sensors`` are those that it touches; empty where nobody knows them. ``kind`` is its line in the tables.
    """

    kind: str
    first: int
    stop: int
    sensors: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class CaseRun:
    """Rows of one asset that are scored from ``first_row`` on, after rows of context.

    ``part`` groups the runs of a case in the tables. ``unscored [rows]`` marks rows in which alarms count
    neither as true nor as false; None: there are none. ``clean [rows, sensors]`` are the values without the
    faults, where the run's faults are to be pictured.
    """

    name: str
    part: str
    series: Series
    first_row: int = 0
    faults: tuple[LabelledFault, ...] = ()
    unscored: Mask | None = None
    clean: Values | None = None

    @property
    def normal(self) -> Mask:
        """``[rows]``: the rows from ``first_row`` on that have no fault and count for false alarms."""
        normal = np.ones(len(self.series.values), dtype=np.bool_)
        normal[: self.first_row] = False
        for fault in self.faults:
            normal[fault.first : fault.stop + GRACE_ROWS] = False
        return normal if self.unscored is None else normal & ~self.unscored


@dataclass(frozen=True, kw_only=True)
class AlarmCase:
    """Normal series ``learn``, and ``runs`` that a method scores after it has learnt from them.

    ``refit_days``: the method learns again after so many days of a run, from the newest ``history_days``; 0:
    it learns once. ``nab``: the faults are windows of the Numenta Anomaly Benchmark, which has its own score.
    """

    definition: StreamDefinition
    learn: list[Series]
    runs: list[CaseRun]
    refit_days: float = 0.0
    history_days: float = 14.0  # the trainer's default
    nab: bool = False
