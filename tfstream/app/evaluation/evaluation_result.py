"""The result of an evaluation: figures of every run, and their means over seeds and files.

There are two protocols, which are never mixed: ``whole_series`` measures every row, training rows included,
as TSB-AD does; ``test_rows`` measures only the rows after them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from tfstream.core.quality.affiliation import Affiliation
from tfstream.core.quality.event_quality import EventQuality, combine

PRODUCT = "tfstream"  # the method's name; the others are baselines


@dataclass(frozen=True, kw_only=True, slots=True)
class CurveQuality:
    """The quality of scores, without a threshold; NaN where a protocol has no anomalous row."""

    vus_pr: float
    vus_roc: float
    auc_pr: float
    auc_roc: float


@dataclass(frozen=True, kw_only=True, slots=True)
class AlarmQuality:
    """The quality of the alarms on the test rows; ``alarmed_share`` of these rows lie within an alarm.

    ``extrapolated`` is true where the budget allows fewer alarms than the calibration data can show.
    """

    counts: EventQuality
    alarmed_share: float
    affiliation: Affiliation
    affiliation_by_chance: Affiliation
    threshold: float
    extrapolated: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Refits:
    """How many refits the gate promoted and rejected; ``failed`` had too little left to learn from."""

    promoted: int
    rejected: int
    failed: int


@dataclass(frozen=True, kw_only=True, slots=True)
class EvaluationRun:
    """One method on one file.

    ``seed`` is None where nothing is random, ``alarms`` for baselines, ``refits`` for a single fit.
    """

    method: str
    seed: int | None
    seconds: float
    whole_series: CurveQuality
    test_rows: CurveQuality
    alarms: AlarmQuality | None = None
    refits: Refits | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class FileResult:
    """``window`` is the longest buffer of the volumes in rows; ``suite`` is the name of the file's folder."""

    file: str
    suite: str
    rows: int
    train_rows: int
    sensors: int
    interval_us: int
    anomalous_rows: int
    anomalous_test_rows: int
    window: int
    runs: tuple[EvaluationRun, ...]


@dataclass(frozen=True, slots=True)
class MeanFigure:
    """The mean over the seeds, and their standard deviation, which is None for a single seed."""

    mean: float
    spread: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class AverageRun:
    """A method's mean figures by name, on one file or, with ``file`` None, on all files of a suite.

    ``alarms`` is empty for a method without alarms.
    """

    suite: str
    file: str | None
    method: str
    files: int
    seeds: int
    whole_series: dict[str, MeanFigure]
    test_rows: dict[str, MeanFigure]
    alarms: dict[str, MeanFigure]


def by_file(results: Iterable[FileResult]) -> list[AverageRun]:
    """The average of every method on every file, over the seeds."""
    return [average for result in results for average in _averages([result], result.file)]


def by_suite(results: Iterable[FileResult]) -> list[AverageRun]:
    """The average of every method on every suite: over its files for each seed, then over the seeds.

    Alarms and events are summed over the files. A file without an anomaly among its test rows is part of
    these sums, but not of the means of figures that are undefined for it.
    """
    ordered = sorted(results, key=_suite)
    return [average for _, group in groupby(ordered, key=_suite) for average in _averages(list(group), None)]


def _suite(result: FileResult) -> str:
    return result.suite


def _averages(results: Sequence[FileResult], file: str | None) -> Iterator[AverageRun]:
    methods = dict.fromkeys(run.method for result in results for run in result.runs)
    for method in methods:
        runs = [run for result in results for run in result.runs if run.method == method]
        seeds = list(dict.fromkeys(run.seed for run in runs))
        by_seed = [[run for run in runs if run.seed == seed] for seed in seeds]
        yield AverageRun(
            suite=results[0].suite,
            file=file,
            method=method,
            files=len(results),
            seeds=len(seeds),
            whole_series=_figures([_means(group, lambda run: run.whole_series) for group in by_seed]),
            test_rows=_figures([_means(group, lambda run: run.test_rows) for group in by_seed]),
            alarms=_figures([_alarms(group) for group in by_seed]),
        )


def _means(runs: Sequence[EvaluationRun], part: Callable[[EvaluationRun], CurveQuality]) -> dict[str, float]:
    names = CurveQuality.__slots__
    return {name: _mean([getattr(part(run), name) for run in runs]) for name in names}


def _alarms(runs: Sequence[EvaluationRun]) -> dict[str, float]:
    qualities = [run.alarms for run in runs if run.alarms is not None]
    return alarm_figures(qualities) if qualities else {}


def alarm_figures(qualities: Sequence[AlarmQuality]) -> dict[str, float]:
    """The figures of the alarms on one file or more, by name."""
    counts = combine([quality.counts for quality in qualities])
    return {
        "events": counts.events,
        "found": counts.found,
        "alarms": counts.alarms,
        "false_alarms": counts.false_alarms,
        "event_recall": counts.recall,
        "event_precision": counts.precision,
        "false_alarms_per_week": counts.false_alarms_per_week,
        "median_delay_rows": counts.median_delay_rows,
        "alarmed_share": _mean([quality.alarmed_share for quality in qualities]),
        "affiliation_precision": _mean([quality.affiliation.precision for quality in qualities]),
        "affiliation_recall": _mean([quality.affiliation.recall for quality in qualities]),
        "affiliation_f": _mean([quality.affiliation.f for quality in qualities]),
        "affiliation_f_by_chance": _mean([quality.affiliation_by_chance.f for quality in qualities]),
    }


def _figures(by_seed: Sequence[dict[str, float]]) -> dict[str, MeanFigure]:
    return {name: _figure([figures[name] for figures in by_seed]) for name in by_seed[0]}


def _figure(values: Sequence[float]) -> MeanFigure:
    known = [value for value in values if not np.isnan(value)]
    return MeanFigure(_mean(values), float(np.std(known, ddof=1)) if len(known) > 1 else None)


def _mean(values: Sequence[float]) -> float:
    """The mean of the values that are not NaN; NaN when all are."""
    known = [value for value in values if not np.isnan(value)]
    return float(np.mean(known)) if known else float("nan")
