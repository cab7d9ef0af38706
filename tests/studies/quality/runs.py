"""Runs of the detector and the baselines on one labelled file; results are cached by this file's content."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec

from tfstream.app.detection.score_series import score_series, spread
from tfstream.app.evaluation.baseline_runs import run_baselines
from tfstream.app.evaluation.evaluate import file_result
from tfstream.app.evaluation.evaluation_options import EvaluationOptions
from tfstream.app.evaluation.evaluation_result import CurveQuality, EvaluationRun
from tfstream.app.evaluation.labelled_series import LabelledSeries, prepare
from tfstream.app.evaluation.row_scores import measure_curves
from tfstream.model.detector_config import DetectorConfig
from tfstream.model.scoring.detector import Detector


@lru_cache(maxsize=2)
def prepared(path: str, train_rows: int | None) -> LabelledSeries:
    """A labelled file, which each process reads once for all jobs on it."""
    return prepare(Path(path), EvaluationOptions(train_rows=train_rows))


def baseline_runs(path: str, train_rows: int | None, seeds: int) -> Any:
    """A ``FileResult`` with the runs of the baselines."""
    labelled = prepared(path, train_rows)
    runs = run_baselines(labelled, seeds, DetectorConfig().hop_rows)
    return built_in(file_result(labelled, [run for run, _ in runs]))


def vus_pr(detector: Detector, labelled: LabelledSeries) -> dict[str, float]:
    """VUS-PR of a detector under both protocols."""
    asset, _, values = labelled.series
    hops = score_series(detector, asset, values)
    scores = spread(hops, hop_rows=detector.hop_rows, rows=len(values))
    return {
        "whole_series": measure_curves(scores, labelled, 0).vus_pr,
        "test_rows": measure_curves(scores, labelled, labelled.train_rows).vus_pr,
    }


def vus_pr_of(run: EvaluationRun) -> dict[str, float]:
    """VUS-PR of a run under both protocols."""
    curves_by_protocol: dict[str, CurveQuality] = {
        "whole_series": run.whole_series,
        "test_rows": run.test_rows,
    }
    return {protocol: curve.vus_pr for protocol, curve in curves_by_protocol.items()}


def built_in(value: object) -> Any:
    """Records as plain values for JSON, NaN included; ``msgspec.convert`` reverses it."""
    return msgspec.to_builtins(value)


def ignore_progress(stage: str, done: float) -> None:
    """The progress of one fit, which is not shown: the study shows its progress in jobs."""
