"""A method's score of every row of a file, and the figures of these scores."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tfstream.app.evaluation.evaluation_result import AlarmQuality, CurveQuality, EvaluationRun, Refits
from tfstream.app.evaluation.labelled_series import LabelledSeries
from tfstream.core.quality.curves import auc_pr, auc_roc
from tfstream.core.quality.volume import volume

Scores = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True)
class RowScores:
    """``scores [rows]`` of one run of a method; ``seed`` is None where nothing in the method is random."""

    method: str
    seed: int | None
    scores: Scores


def measure_run(
    labelled: LabelledSeries,
    row_scores: RowScores,
    seconds: float,
    alarms: AlarmQuality | None = None,
    refits: Refits | None = None,
) -> EvaluationRun:
    """The figures of a method's scores under both protocols; ``seconds`` is the time that the run took."""
    return EvaluationRun(
        method=row_scores.method,
        seed=row_scores.seed,
        seconds=seconds,
        whole_series=measure_curves(row_scores.scores, labelled, 0),
        test_rows=measure_curves(row_scores.scores, labelled, labelled.train_rows),
        alarms=alarms,
        refits=refits,
    )


def measure_curves(scores: Scores, labelled: LabelledSeries, first_row: int) -> CurveQuality:
    """The figures of ``scores [rows]`` on the rows from ``first_row`` on."""
    scores, labels = scores[first_row:], labelled.labels[first_row:]
    under = volume(scores, labels, labelled.window)
    return CurveQuality(
        vus_pr=under.pr, vus_roc=under.roc, auc_pr=auc_pr(scores, labels), auc_roc=auc_roc(scores, labels)
    )
