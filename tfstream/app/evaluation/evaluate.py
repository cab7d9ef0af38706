"""``tfstream evaluate``: the detector, and the baselines, on labelled files.

The detector is fitted on each file's own first rows and measured on the rows after them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tfstream.app.evaluation.baseline_runs import run_baselines
from tfstream.app.evaluation.detector_run import run_detector
from tfstream.app.evaluation.evaluation_options import EvaluationOptions
from tfstream.app.evaluation.evaluation_result import EvaluationRun, FileResult
from tfstream.app.evaluation.labelled_series import LabelledSeries
from tfstream.app.evaluation.refitted_run import run_with_refits
from tfstream.app.evaluation.row_scores import RowScores
from tfstream.model.fitting.train_network import Report

Progress = Callable[[float], None]


def evaluate(
    labelled: LabelledSeries, options: EvaluationOptions, progress: Progress
) -> tuple[FileResult, list[RowScores]]:
    """Run the detector with every seed and, with ``options.baselines``, every baseline.

    ``progress`` gets the part that is done, from 0 to 1.

    :raises BadData: when the training rows are too few or empty.
    """
    run = run_detector if options.refit_every_us is None else run_with_refits
    runs = [
        run(labelled, seed, options.config, _report_seed(seed, options.seeds, progress))
        for seed in range(options.seeds)
    ]
    if options.baselines:
        runs += run_baselines(labelled, options.seeds, options.config.hop_rows)
    return file_result(labelled, [run for run, _ in runs]), [scores for _, scores in runs]


def _report_seed(seed: int, seeds: int, progress: Progress) -> Report:
    """A fit's reports as progress of all ``seeds``; training the network takes nearly all of a fit's time."""

    def report(stage: str, done: float) -> None:
        if stage in ("network", "refits"):
            progress(seed / seeds + done / seeds)

    return report


def file_result(labelled: LabelledSeries, runs: Sequence[EvaluationRun]) -> FileResult:
    """The result of a file, with the runs on it."""
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
