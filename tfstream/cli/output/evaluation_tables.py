"""``tfstream evaluate``: the evaluation with its progress bar, and its figures as tables or JSON."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tfstream import __version__
from tfstream.app.evaluation.evaluate import evaluate
from tfstream.app.evaluation.evaluation_options import EvaluationOptions
from tfstream.app.evaluation.evaluation_result import (
    PRODUCT,
    AverageRun,
    EvaluationRun,
    FileResult,
    MeanFigure,
    alarm_figures,
    by_file,
    by_suite,
)
from tfstream.app.evaluation.labelled_series import LabelledSeries, prepare
from tfstream.app.evaluation.row_scores import RowScores
from tfstream.app.evaluation.scores_file import check_scores_path, write_scores
from tfstream.cli.output.printing import cell, out, plain, print_json, print_labelled, print_table, stages

_CURVES = (("vus_pr", "VUS-PR"), ("vus_roc", "VUS-ROC"), ("auc_pr", "AUC-PR"), ("auc_roc", "AUC-ROC"))
_ALARMS = (
    ("event_precision", "precision"),
    ("false_alarms_per_week", "false a week"),
    ("median_delay_rows", "delay"),
    ("alarmed_share", "under alarm"),
    ("affiliation_f", "affiliation"),
    ("affiliation_f_by_chance", "by chance"),
)


def run(files: Sequence[Path], options: EvaluationOptions, scores_out: Path | None, *, as_json: bool) -> None:
    """Read and check all files, evaluate each, print the results, and write the scores if asked to.

    :raises BadData: when a file or the path of the scores cannot be used.
    """
    if scores_out is not None:
        check_scores_path(scores_out)
    prepared = [prepare(path, options) for path in files]
    for warning in (text for labelled in prepared for text in labelled.warnings):
        print_labelled("warning:", "yellow", warning)
    evaluated = _evaluate(prepared, options)
    results = [result for result, _ in evaluated]
    if scores_out is not None:
        scores = [scores for _, scores in evaluated]
        write_scores(scores_out, list(zip(prepared, scores, strict=True)))
    if as_json:
        print_json(_document(results, options))
    else:
        _print(results, options)


def _evaluate(
    prepared: Sequence[LabelledSeries], options: EvaluationOptions
) -> list[tuple[FileResult, list[RowScores]]]:
    evaluated: list[tuple[FileResult, list[RowScores]]] = []
    with stages("evaluate") as report:
        for labelled in prepared:
            done = len(evaluated)

            def progress(part: float, done: int = done) -> None:
                report("files", (done + part) / len(prepared))

            evaluated.append(evaluate(labelled, options, progress))
            progress(1.0)
    return evaluated


def _print(results: Sequence[FileResult], options: EvaluationOptions) -> None:
    """Print each file for the detector alone, and each suite for every method, on stdout."""
    files = [average for average in by_file(results) if average.method == PRODUCT]
    suites = by_suite(results)
    if len(files) > 1:
        _print_files(files)
    _print_curves("whole series, training rows included", suites, lambda average: average.whole_series)
    _print_curves("test rows only", suites, lambda average: average.test_rows)
    budget = cell(options.alarm_budget_per_week)
    _print_alarms(
        f"alarms on the test rows, for a budget of {budget} false alarms a week; delays in rows", suites
    )
    _print_refits(results)
    _print_extrapolated(results)


def _print_refits(results: Sequence[FileResult]) -> None:
    """Print how many refits were promoted, where there were refits."""
    refits = [run.refits for result in results for run in result.runs if run.refits is not None]
    if refits:
        promoted, rejected, failed = (
            sum(getattr(run, name) for run in refits) for name in ("promoted", "rejected", "failed")
        )
        out.print(
            f"refits: {promoted} promoted, {rejected} rejected by the gate, "
            f"{failed} without enough normal rows",
            soft_wrap=True,
        )


def _print_extrapolated(results: Sequence[FileResult]) -> None:
    """Print how many thresholds are extrapolated: where most are, the alarm figures mean little."""
    thresholds = [
        run.alarms.extrapolated for result in results for run in result.runs if run.alarms is not None
    ]
    if any(thresholds):
        out.print(
            f"{sum(thresholds)} of {len(thresholds)} thresholds are extrapolated: the alarm budget is finer "
            "than the training rows can show",
            soft_wrap=True,
        )


def _print_files(files: Sequence[AverageRun]) -> None:
    rows = [
        (
            Path(str(average.file)).stem,
            _cell(average.whole_series["vus_pr"]),
            _cell(average.test_rows["vus_pr"]),
            *_counts(average),
            _cell(average.alarms["median_delay_rows"]),
        )
        for average in files
    ]
    columns = ["file", "VUS-PR whole", "VUS-PR test", "found", "alarms", "false", "delay"]
    print_table(columns, rows, empty="")
    out.print()


def _print_curves(
    title: str, averages: Sequence[AverageRun], part: Callable[[AverageRun], dict[str, MeanFigure]]
) -> None:
    out.print(title, style="bold")
    rows = [
        (_name(average), average.method, *(_cell(part(average)[name]) for name, _ in _CURVES))
        for average in averages
    ]
    print_table(["suite", "method", *(column for _, column in _CURVES)], rows, empty="")
    out.print()


def _print_alarms(title: str, averages: Sequence[AverageRun]) -> None:
    out.print(title, style="bold")
    rows = [
        (_name(average), *_counts(average), *(_cell(average.alarms[name]) for name, _ in _ALARMS))
        for average in averages
        if average.alarms
    ]
    columns = ["suite", "found", "alarms", "false", *(column for _, column in _ALARMS)]
    print_table(columns, rows, empty="")


def _name(average: AverageRun) -> str:
    return f"{average.suite} ({average.files})" if average.files > 1 else average.suite


def _counts(average: AverageRun) -> tuple[str, str, str]:
    """Events found, alarms and false alarms."""
    found, events, alarms, false = (
        f"{average.alarms[name].mean:.4g}" for name in ("found", "events", "alarms", "false_alarms")
    )
    return f"{found} of {events}", alarms, false


def _cell(figure: MeanFigure) -> str:
    if np.isnan(figure.mean):
        return "-"
    mean = f"{figure.mean:.3f}" if abs(figure.mean) < 10 else f"{figure.mean:.0f}"
    return mean if figure.spread is None else f"{mean} ±{figure.spread:.3f}"


def _document(results: Sequence[FileResult], options: EvaluationOptions) -> dict[str, Any]:
    versions = {"tfstream": __version__, "torch": str(torch.__version__), "numpy": np.__version__}
    return {
        "options": options,
        "versions": versions,
        "files": [{**plain(result), "runs": [_run(run) for run in result.runs]} for result in results],
        "suites": by_suite(results),
    }


def _run(run: EvaluationRun) -> dict[str, Any]:
    alarms = None
    if run.alarms is not None:
        figures = alarm_figures([run.alarms])
        alarms = {**figures, "threshold": run.alarms.threshold, "extrapolated": run.alarms.extrapolated}
    return {**plain(run), "alarms": alarms}
