"""Jobs on one labelled file: the detector, the baselines. What they return is kept by this file's content."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec

from tfstream.app.evaluation.baseline_runs import run_baselines
from tfstream.app.evaluation.evaluate import file_result
from tfstream.app.evaluation.evaluation_options import EvaluationOptions
from tfstream.app.evaluation.evaluation_result import CurveQuality, EvaluationRun
from tfstream.app.evaluation.labelled_series import LabelledSeries, prepare
from tfstream.app.evaluation.row_scores import measure_curves
from tfstream.app.scoring.score_series import score_series, spread
from tfstream.model.detector_config import DetectorConfig
from tfstream.model.scoring.detector import Detector


@lru_cache(maxsize=2)
def prepared(path: str, train_rows: int | None) -> LabelledSeries:
    """A file, read once by each process for all jobs on it."""
    return prepare(Path(path), EvaluationOptions(train_rows=train_rows))


def baseline_runs(path: str, train_rows: int | None, seeds: int) -> Any:
    """A ``FileResult`` with the baselines' runs."""
    labelled = prepared(path, train_rows)
    found = run_baselines(labelled, seeds, DetectorConfig().hop_rows)
    return built_in(file_result(labelled, [run for run, _ in found]))


def vus_pr(detector: Detector, labelled: LabelledSeries) -> dict[str, float]:
    """Under both protocols."""
    asset, _, values = labelled.series
    hops = score_series(detector, asset, values)
    scores = spread(hops, hop_rows=detector.hop_rows, rows=len(values))
    return {
        "whole_series": measure_curves(scores, labelled, 0).vus_pr,
        "test_rows": measure_curves(scores, labelled, labelled.train_rows).vus_pr,
    }


def vus_pr_of(run: EvaluationRun) -> dict[str, float]:
    """The same of a run."""
    found: dict[str, CurveQuality] = {"whole_series": run.whole_series, "test_rows": run.test_rows}
    return {protocol: curve.vus_pr for protocol, curve in found.items()}


def built_in(value: object) -> Any:
    """Records as JSON holds them, NaN included; ``msgspec.convert`` makes records of it again."""
    return msgspec.to_builtins(value)


def ignore_progress(stage: str, done: float) -> None:
    """Progress that nobody looks at: that of the whole is told in jobs."""
