"""``tfstream evaluate``: the detector on labelled files, learnt from each file's own first rows.

Labels are for measuring alone: neither the fit nor the threshold sees one. The rows of a file are the series
as they stand, each a row of the grid, whatever their times: labels belong to rows, and resampling would make
new ones. The times tell the usual interval, which turns rows into weeks.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tfstream.app.evaluation.evaluation_result import (
    PRODUCT,
    AlarmQuality,
    CurveQuality,
    EvaluationRun,
    FileResult,
)
from tfstream.app.files.sensor_table import guess_interval_us, read_labelled, train_rows_beside
from tfstream.app.scoring.score_batch import alarm_rule
from tfstream.app.scoring.score_series import HopScores, SeriesEvidence, raise_alarms, score_series, spread
from tfstream.core.quality.affiliation import affiliation, affiliation_by_chance
from tfstream.core.quality.curves import auc_pr, auc_roc
from tfstream.core.quality.event_quality import alarmed_rows, match_alarms
from tfstream.core.quality.period import period
from tfstream.core.quality.volume import volume
from tfstream.core.reading import Series, Values
from tfstream.core.stream import StreamDefinition
from tfstream.core.windowing.window import align
from tfstream.errors import BadData
from tfstream.model.baselines import sklearn_baselines
from tfstream.model.baselines.numpy_baselines import BASELINES, SEEDED
from tfstream.model.detector_config import DetectorConfig
from tfstream.model.fitting.fit import fit
from tfstream.model.fitting.train_network import Report
from tfstream.model.scoring.detector import Detector

Labels = NDArray[np.bool_]
Scores = NDArray[np.float64]
Progress = Callable[[float], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class EvaluationOptions:
    """``train_rows`` None: an ``index.csv`` beside the file says it. Seeds count from 0.

    :raises ConfigurationError: when ``baselines`` are asked for and scikit-learn is not installed.
    """

    label_column: str = "label"
    time_column: str | None = None
    ignore: tuple[str, ...] = ()
    train_rows: int | None = None
    seeds: int = 1
    alarm_budget_per_week: float = 1.0
    baselines: bool = False
    config: DetectorConfig = field(default_factory=DetectorConfig)

    def __post_init__(self) -> None:
        if self.baselines:
            sklearn_baselines.require()


@dataclass(frozen=True, kw_only=True, slots=True)
class LabelledSeries:
    """One file, ready: ``series`` as a stream would have aligned it, ``labels [rows]``."""

    path: Path
    definition: StreamDefinition
    series: Series
    labels: Labels
    train_rows: int
    window: int

    @property
    def warnings(self) -> tuple[str, ...]:
        """What makes the figures mean less than they seem to."""
        found = []
        if learnt := int(self.labels[: self.train_rows].sum()):
            found.append(
                f"{self.path}: {learnt} of the {self.train_rows} training rows are labelled anomalous"
            )
        if not self.labels[self.train_rows :].any():
            found.append(f"{self.path}: no row after the training rows is labelled anomalous")
        return tuple(found)


@dataclass(frozen=True, kw_only=True, slots=True)
class RowScores:
    """What one run says of every row of a file, ``scores [rows]``."""

    method: str
    seed: int | None
    scores: Scores


def prepare(path: Path, options: EvaluationOptions) -> LabelledSeries:
    """Read and check a file; everything that can be wrong with it is said here.

    :raises BadData: when it cannot be evaluated, with the reason.
    """
    table, labels = read_labelled(
        path, label_column=options.label_column, time_column=options.time_column, ignore=options.ignore
    )
    if len(set(table.assets)) > 1:
        raise BadData(f"{path} holds {len(set(table.assets))} assets; give each a file of its own")
    if not labels.any():
        raise BadData(f"{path}: no row is labelled anomalous in column {options.label_column!r}")
    train_rows = options.train_rows or train_rows_beside(path)
    if train_rows >= len(labels):
        raise BadData(f"{path} has {len(labels)} rows; {train_rows} to learn from leave none to be tested")
    interval_us = guess_interval_us(table.assets, table.times_us)
    if interval_us is None:
        raise BadData(f"{path}: all rows have the same time, so that there is no interval")
    definition = StreamDefinition(
        topic=path.stem,
        sensors=table.sensors,
        interval_us=interval_us,
        alarm_budget_per_week=options.alarm_budget_per_week,
    )
    times_us = np.arange(len(labels), dtype=np.int64) * interval_us
    _, values = align(times_us, table.values, interval_us=interval_us, staleness=definition.staleness_rows)
    return LabelledSeries(
        path=path,
        definition=definition,
        series=Series(table.assets[0], times_us, values),
        labels=labels,
        train_rows=train_rows,
        window=period(table.values[:, 0]),
    )


def evaluate(
    labelled: LabelledSeries, options: EvaluationOptions, progress: Progress
) -> tuple[FileResult, list[RowScores]]:
    """Every seed and, if asked for, every baseline; ``progress`` hears the part that is done.

    :raises BadData: when the training rows are too few or empty to learn from.
    """
    found = [
        product(labelled, seed, options.config, _from(seed / options.seeds, options.seeds, progress))
        for seed in range(options.seeds)
    ]
    if options.baselines:
        found += baselines(labelled, options.seeds, options.config.hop_rows)
    return file_result(labelled, [run for run, _ in found]), [scores for _, scores in found]


def file_result(labelled: LabelledSeries, runs: Sequence[EvaluationRun]) -> FileResult:
    """What is told of a file beside the runs on it."""
    return FileResult(
        file=str(labelled.path),
        suite=labelled.path.resolve().parent.name,
        rows=len(labelled.labels),
        train_rows=labelled.train_rows,
        sensors=len(labelled.definition.sensors),
        interval_us=labelled.definition.interval_us,
        anomalous_rows=int(labelled.labels.sum()),
        anomalous_test_rows=int(labelled.labels[labelled.train_rows :].sum()),
        window=labelled.window,
        runs=tuple(runs),
    )


def product(
    labelled: LabelledSeries, seed: int, config: DetectorConfig, report: Report
) -> tuple[EvaluationRun, RowScores]:
    """The detector as a stream would have it: fitted, calibrated, and its alarms under the budget."""
    began = time.monotonic()
    return judged(labelled, fitted(labelled, seed, config, report), seed, began)


def judged(
    labelled: LabelledSeries, detector: Detector, seed: int, began: float
) -> tuple[EvaluationRun, RowScores]:
    """The figures of a detector that was fitted with ``seed``, from a moment of the monotonic clock on."""
    asset, _, values = labelled.series
    hops = score_series(detector, asset, values)
    if not len(hops.scores):
        raise BadData(f"{labelled.path} has no window of {detector.window_rows} rows with a reading in it")
    scores = spread(hops, hop_rows=detector.hop_rows, rows=len(values))
    seconds = time.monotonic() - began
    found = RowScores(method=PRODUCT, seed=seed, scores=scores)
    return _run(labelled, found, seconds, _alarms(detector, hops, values, labelled)), found


def _from(start: float, parts: int, progress: Progress) -> Report:
    """A fit's reports as progress from ``start``, one of so many parts; nearly all of it is the network."""

    def report(stage: str, done: float) -> None:
        if stage == "network":
            progress(start + done / parts)

    return report


def fitted(labelled: LabelledSeries, seed: int, config: DetectorConfig, report: Report) -> Detector:
    """The detector, learnt from the training rows alone."""
    asset, times_us, values = labelled.series
    learn = slice(0, labelled.train_rows)
    definition = labelled.definition
    series = [Series(asset, times_us[learn], values[learn])]
    try:
        return fit(series, definition.sensors, definition.interval_us, config, seed, report)
    except BadData as error:
        raise BadData(f"{labelled.path}: {error}") from None


def baselines(labelled: LabelledSeries, seeds: int, hop: int) -> list[tuple[EvaluationRun, RowScores]]:
    """Every baseline; those with something random in them once for each seed."""
    found: list[tuple[EvaluationRun, RowScores]] = []
    for name in BASELINES:
        drawn: Sequence[int | None] = range(seeds) if name in SEEDED else [None]
        found += [_baseline(labelled, name, seed, hop) for seed in drawn]
    return found


def _baseline(
    labelled: LabelledSeries, name: str, seed: int | None, hop: int
) -> tuple[EvaluationRun, RowScores]:
    """A baseline's scores stand on the detector's hops: every eighth, for the eight rows up to it."""
    began = time.monotonic()
    rows = len(labelled.labels)
    by_row = BASELINES[name](labelled.series.values, labelled.train_rows, seed or 0)
    ends = np.arange(hop - 1, rows, hop)
    scores = spread(HopScores(ends, by_row[ends]), hop_rows=hop, rows=rows)
    found = RowScores(method=name, seed=seed, scores=scores)
    return _run(labelled, found, time.monotonic() - began), found


def _run(
    labelled: LabelledSeries, found: RowScores, seconds: float, alarms: AlarmQuality | None = None
) -> EvaluationRun:
    """The figures of a method's scores, under both protocols."""
    return EvaluationRun(
        method=found.method,
        seed=found.seed,
        seconds=seconds,
        whole_series=curves(found.scores, labelled, 0),
        test_rows=curves(found.scores, labelled, labelled.train_rows),
        alarms=alarms,
    )


def curves(scores: Scores, labelled: LabelledSeries, first_row: int) -> CurveQuality:
    """Of the rows from ``first_row`` on."""
    scores, labels = scores[first_row:], labelled.labels[first_row:]
    under = volume(scores, labels, labelled.window)
    return CurveQuality(
        vus_pr=under.pr, vus_roc=under.roc, auc_pr=auc_pr(scores, labels), auc_roc=auc_roc(scores, labels)
    )


def _alarms(detector: Detector, hops: HopScores, values: Values, labelled: LabelledSeries) -> AlarmQuality:
    """The alarms on the test rows, of an asset that comes under watch when training ends."""
    definition, train_rows = labelled.definition, labelled.train_rows
    budget = definition.alarm_budget_per_week
    rule = alarm_rule(definition, detector)
    asset = labelled.series.asset
    witness = SeriesEvidence(definition, detector, asset, values)
    alarms = raise_alarms(rule, asset, hops, first_row=train_rows, witness=witness)
    tested = [type(alarm)(*(row - train_rows for row in alarm)) for alarm in alarms]
    labels = labelled.labels[train_rows:]
    alarmed = alarmed_rows(tested, len(labels))
    return AlarmQuality(
        counts=match_alarms(tested, labels, rows_per_week=definition.rows_per_week),
        affiliation=affiliation(alarmed, labels),
        affiliation_by_chance=affiliation_by_chance(alarmed, labels),
        threshold=detector.calibration.threshold(budget),
        extrapolated=detector.calibration.extrapolated(budget),
    )
