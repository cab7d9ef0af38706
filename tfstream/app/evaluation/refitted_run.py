"""Runs the detector on a labelled file as the product runs: refitted after every span of event time.

The first model learns the training rows. At every refit the trainer's own code leaves out the rows of alarms,
fits, and asks the gate; the scorer's own code continues the scores and the open episode under the new model.
Labels only measure the run.
"""

from __future__ import annotations

import time

import numpy as np

from tfstream.app.detection.score_series import HopScores, spread
from tfstream.app.evaluation.champion_scorer import ChampionScorer
from tfstream.app.evaluation.detector_run import alarm_quality, fit_detector
from tfstream.app.evaluation.evaluation_refits import EvaluationRefits
from tfstream.app.evaluation.evaluation_result import PRODUCT, EvaluationRun
from tfstream.app.evaluation.labelled_series import LabelledSeries
from tfstream.app.evaluation.row_scores import RowScores, measure_run
from tfstream.errors import BadData
from tfstream.model.detector_config import DetectorConfig
from tfstream.model.fitting.train_network import Report


def run_with_refits(
    labelled: LabelledSeries, seed: int, config: DetectorConfig, report: Report
) -> tuple[EvaluationRun, RowScores]:
    """Fit on the training rows, score all rows and refit at every row of ``labelled.refit_rows``.

    ``report`` gets the stage ``refits`` with the part of all fits that is done.

    :raises BadData: when the training rows are too few or empty, or no window has a reading.
    """
    began = time.monotonic()
    progress = _Progress(report, fits=1 + len(labelled.refit_rows))
    first = fit_detector(labelled, seed, config, progress)
    refits = EvaluationRefits(labelled, first, seed, config)
    learnt = ChampionScorer(labelled.definition, labelled.series)
    learnt.score(refits.current.champion, 0, labelled.train_rows)
    tested = ChampionScorer(labelled.definition, labelled.series)
    row = labelled.train_rows
    for refit_row in labelled.refit_rows:
        progress.next_fit()
        tested.score(refits.current.champion, row, refit_row)
        refits.refit(refit_row, tested.training_episodes, progress)
        row = _first_unscored(refit_row, config.hop_rows)
    tested.score(refits.current.champion, row, len(labelled.labels))
    return _measure(labelled, seed, began, learnt, tested, refits)


def _first_unscored(refit_row: int, hop_rows: int) -> int:
    """The first row of the hop that was not complete at the refit."""
    return refit_row // hop_rows * hop_rows


def _measure(
    labelled: LabelledSeries,
    seed: int,
    began: float,
    learnt: ChampionScorer,
    tested: ChampionScorer,
    refits: EvaluationRefits,
) -> tuple[EvaluationRun, RowScores]:
    hops = HopScores(*(np.concatenate(pair) for pair in zip(learnt.hops, tested.hops, strict=True)))
    detector = refits.current.champion.detector
    if not len(hops.scores):
        raise BadData(f"{labelled.path} has no window of {detector.window_rows} rows with a reading in it")
    scores = spread(hops, hop_rows=detector.hop_rows, rows=len(labelled.labels))
    row_scores = RowScores(method=PRODUCT, seed=seed, scores=scores)
    alarms = alarm_quality(tested.alarms, labelled, detector)
    seconds = time.monotonic() - began
    return measure_run(labelled, row_scores, seconds, alarms, refits.counts), row_scores


class _Progress:
    """Reports of single fits as the part of all fits that is done.

    Training the network takes nearly all of a fit's time; a refit that passes the gate trains two networks.
    """

    def __init__(self, report: Report, *, fits: int) -> None:
        self._report, self._fits, self._done = report, fits, 0

    def next_fit(self) -> None:
        self._done += 1
        self._report("refits", self._done / self._fits)

    def __call__(self, stage: str, done: float) -> None:
        halves = {"network": done if self._done == 0 else done / 2, "all rows: network": (1 + done) / 2}
        if stage in halves:
            self._report("refits", (self._done + halves[stage]) / self._fits)
