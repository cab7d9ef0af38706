"""A labelled file as an aligned series.

The rows of the file are the series: each row is a row of the grid, whatever its time, because labels belong
to rows and resampling would change them. The times give only the sampling interval, which turns rows into
weeks.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tfstream.app.evaluation.evaluation_options import EvaluationOptions
from tfstream.app.evaluation.train_rows_index import read_train_rows
from tfstream.app.files.sampling_interval import infer_interval_us
from tfstream.app.files.sensor_table import SensorTable, read_labelled
from tfstream.core.quality.period import period
from tfstream.core.reading import Series
from tfstream.core.stream import StreamDefinition
from tfstream.core.windowing.window import align
from tfstream.errors import BadData, UsageError

Labels = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True, slots=True)
class LabelledSeries:
    """``series`` as a stream would align it, and its ``labels [rows]``; ``window`` is its period in rows.

    ``refit_every_rows`` None learns once, from the training rows.
    """

    path: Path
    definition: StreamDefinition
    series: Series
    labels: Labels
    train_rows: int
    window: int
    refit_every_rows: int | None = None

    @property
    def refit_rows(self) -> range:
        """The rows before which the detector is refitted."""
        if self.refit_every_rows is None:
            return range(0)
        return range(self.train_rows + self.refit_every_rows, len(self.labels), self.refit_every_rows)

    @property
    def warnings(self) -> tuple[str, ...]:
        """Why the figures say less than they seem to."""
        warnings = []
        if anomalous := int(self.labels[: self.train_rows].sum()):
            warnings.append(
                f"{self.path}: {anomalous} of the {self.train_rows} training rows are labelled anomalous"
            )
        if not self.labels[self.train_rows :].any():
            warnings.append(f"{self.path}: no row after the training rows is labelled anomalous")
        if self.refit_every_rows is not None and not self.refit_rows:
            warnings.append(f"{self.path}: the rows after the training rows end before the first refit")
        return tuple(warnings)


def prepare(path: Path, options: EvaluationOptions) -> LabelledSeries:
    """Read and check a file; every problem with the file is raised here.

    :raises BadData: when the file cannot be evaluated, with the reason.
    :raises UsageError: when the span between refits is shorter than a hop of the file.
    """
    table, labels = read_labelled(
        path, label_column=options.label_column, time_column=options.time_column, ignore=options.ignore
    )
    if len(set(table.assets)) > 1:
        raise BadData(f"{path} holds {len(set(table.assets))} assets; give each a file of its own")
    if not labels.any():
        raise BadData(f"{path}: no row is labelled anomalous in column {options.label_column!r}")
    train_rows = options.train_rows or read_train_rows(path)
    if train_rows >= len(labels):
        raise BadData(f"{path} has {len(labels)} rows; {train_rows} training rows leave none to test")
    definition = _definition(path, table, options)
    return LabelledSeries(
        path=path,
        definition=definition,
        series=_aligned(table, definition),
        labels=labels,
        train_rows=train_rows,
        window=period(table.values[:, 0]),
        refit_every_rows=_refit_every_rows(path, definition.interval_us, options),
    )


def _refit_every_rows(path: Path, interval_us: int, options: EvaluationOptions) -> int | None:
    if options.refit_every_us is None:
        return None
    rows, hop_rows = options.refit_every_us // interval_us, options.config.hop_rows
    if rows < hop_rows:
        raise UsageError(
            f"--refit-every must be at least {hop_rows} rows of {path}, {hop_rows * interval_us / 1e6:g} s: "
            f"a score comes every {hop_rows} rows"
        )
    return rows


def _definition(path: Path, table: SensorTable, options: EvaluationOptions) -> StreamDefinition:
    interval_us = infer_interval_us(table.assets, table.times_us)
    if interval_us is None:
        raise BadData(f"{path}: all rows have the same time, so that there is no interval")
    return StreamDefinition(
        topic=path.stem,
        sensors=table.sensors,
        interval_us=interval_us,
        alarm_budget_per_week=options.alarm_budget_per_week,
    )


def _aligned(table: SensorTable, definition: StreamDefinition) -> Series:
    """The table's rows with gaps filled as a stream would fill them."""
    interval_us = definition.interval_us
    times_us = np.arange(len(table.values), dtype=np.int64) * interval_us
    _, values = align(times_us, table.values, interval_us=interval_us, staleness=definition.staleness_rows)
    return Series(table.assets[0], times_us, values)
