"""Runs the baselines on a labelled file."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np

from tfstream.app.detection.score_series import HopScores, spread
from tfstream.app.evaluation.evaluation_result import EvaluationRun
from tfstream.app.evaluation.labelled_series import LabelledSeries
from tfstream.app.evaluation.row_scores import RowScores, measure_run
from tfstream.model.baselines.numpy_baselines import BASELINES, SEEDED


def run_baselines(
    labelled: LabelledSeries, seeds: int, hop_rows: int
) -> list[tuple[EvaluationRun, RowScores]]:
    """Every baseline; a baseline with something random in it runs once for each seed."""
    runs: list[tuple[EvaluationRun, RowScores]] = []
    for name in BASELINES:
        own_seeds: Sequence[int | None] = range(seeds) if name in SEEDED else [None]
        runs += [_run(labelled, name, seed, hop_rows) for seed in own_seeds]
    return runs


def _run(
    labelled: LabelledSeries, name: str, seed: int | None, hop_rows: int
) -> tuple[EvaluationRun, RowScores]:
    """A baseline scores each hop of the detector by the score of its last row, for all rows of the hop."""
    began = time.monotonic()
    rows = len(labelled.labels)
    by_row = BASELINES[name](labelled.series.values, labelled.train_rows, seed or 0)
    ends = np.arange(hop_rows - 1, rows, hop_rows)
    scores = spread(HopScores(ends, by_row[ends]), hop_rows=hop_rows, rows=rows)
    row_scores = RowScores(method=name, seed=seed, scores=scores)
    return measure_run(labelled, row_scores, time.monotonic() - began), row_scores
