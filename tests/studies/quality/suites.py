"""Part ``suites``: the detector and the baselines on all labelled files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import Any

import msgspec

from tests.studies.markdown import figure, table, target, with_spread
from tests.studies.quality.ablation_jobs import full_run
from tests.studies.quality.jobs import Job, run
from tests.studies.quality.labelled_files import SUITES, LabelledFile, files_of
from tests.studies.quality.runs import baseline_runs
from tests.studies.quality.settings import QualitySettings
from tfstream.app.evaluation.evaluation_result import PRODUCT, EvaluationRun, FileResult, by_file, by_suite

_WHOLE_TARGETS = {"msl": 0.56, "skab": 0.92, "asd": 0.42}
_ADVANTAGE = 0.05  # of the better VAR on the test rows, mean of the suites
_VARS = ("VAR", "VAR normalised")
_CURVES = {"vus_pr": "VUS-PR", "vus_roc": "VUS-ROC", "auc_pr": "AUC-PR"}
_ALARMS = {
    "event_recall": "recall",
    "event_precision": "precision",
    "false_alarms_per_week": "false a week",
    "median_delay_rows": "delay, rows",
    "affiliation_f": "affiliation F",
    "affiliation_f_by_chance": "affiliation F by chance",
}
_PROTOCOLS = {
    "whole_series": "Whole series, training rows included",
    "test_rows": "Test rows only",
}


def measure(settings: QualitySettings) -> dict[str, Any]:
    """Averages of every method, by suite and by file."""
    files = [file for suite in SUITES for file in files_of(suite, settings)]
    jobs = [job for file in files for job in _jobs(file, settings.seeds)]
    outputs = run(jobs, settings, "suites")
    per_file = settings.seeds + 1
    results = [_result(outputs[at : at + per_file]) for at in range(0, len(outputs), per_file)]
    return {"seeds": settings.seeds, "suites": by_suite(results), "files": by_file(results)}


def _jobs(file: LabelledFile, seeds: int) -> list[Job]:
    """The baselines, then the detector once for each seed."""
    fits = [Job(work=full_run, arguments={**file.arguments, "seed": seed}) for seed in range(seeds)]
    return [Job(work=baseline_runs, arguments={**file.arguments, "seeds": seeds}), *fits]


def _result(outputs: Sequence[Any]) -> FileResult:
    """A file's jobs as one result; its name does not contain the folder of the data."""
    baselines, *fits = outputs
    result = msgspec.convert(baselines, FileResult)
    runs = tuple(msgspec.convert(fit["run"], EvaluationRun) for fit in fits)
    path = Path(result.file)
    return replace(result, file=f"{result.suite}/{path.name}", runs=runs + result.runs)


def section(figures: Mapping[str, Any]) -> str:
    """Targets, quality of the scores under both protocols, alarms, and all files."""
    suites = figures["suites"]
    parts = ["## Labelled suites\n", _intro(suites, figures["seeds"]), _targets(suites)]
    parts += [f"### {title}\n\n{_curves(suites, protocol)}" for protocol, title in _PROTOCOLS.items()]
    parts += [_alarms(suites), _files(figures["files"])]
    return "\n".join(parts)


def _intro(suites: Sequence[Mapping[str, Any]], seeds: int) -> str:
    ours = {average["suite"]: average["files"] for average in suites if average["method"] == PRODUCT}
    counts = ", ".join(f"{name} {ours[name]}" for name in SUITES if name in ours)
    return (
        f"Files: {counts}; seeds: {seeds}. Each file has its own detector, trained on the first rows\n"
        "of the file without labels.\n"
    )


def _targets(suites: Sequence[Mapping[str, Any]]) -> str:
    whole, test, best = (_by_suite(suites, *which) for which in _COMPARED)
    rows = [
        [
            f"VUS-PR, whole series, {name}",
            *target(whole[name], whole[name] >= wanted, f"≥ {figure(wanted, 2)}"),
        ]
        for name, wanted in _WHOLE_TARGETS.items()
        if name in whole
    ]
    rows += [
        [
            f"VUS-PR, test rows, {name}",
            *target(test[name], test[name] >= best[name], f"≥ {figure(best[name])}, the better VAR"),
        ]
        for name in test
    ]
    advantage = fmean(test.values()) - fmean(best.values())
    wanted = f"≥ {figure(_ADVANTAGE, 2)}"
    rows.append(
        [
            "advantage over the better VAR, test rows, mean of the suites",
            *target(advantage, advantage >= _ADVANTAGE, wanted),
        ]
    )
    return table(["target", "result", "wanted", ""], rows)


_COMPARED = (
    ("whole_series", (PRODUCT,)),
    ("test_rows", (PRODUCT,)),
    ("test_rows", _VARS),
)


def _by_suite(suites: Sequence[Mapping[str, Any]], protocol: str, methods: Sequence[str]) -> dict[str, float]:
    """The best VUS-PR of these methods on every suite, mean of the seeds."""
    best: dict[str, float] = {}
    for average in suites:
        mean = average[protocol]["vus_pr"]["mean"]
        if average["method"] in methods and mean is not None:
            best[average["suite"]] = max(mean, best.get(average["suite"], mean))
    return {name: best[name] for name in SUITES if name in best}


def _curves(averages: Sequence[Mapping[str, Any]], protocol: str) -> str:
    """A line for every suite and method."""
    rows = [
        [average["suite"], average["method"], *(with_spread(average[protocol][name]) for name in _CURVES)]
        for suite in SUITES
        for average in averages
        if average["suite"] == suite
    ]
    return table(["suite", "method", *_CURVES.values()], rows)


def _alarms(averages: Sequence[Mapping[str, Any]]) -> str:
    """The detector's alarms; the baselines raise none."""
    rows = [
        [average["suite"], *(with_spread(average["alarms"][name], 2) for name in _ALARMS)]
        for suite in SUITES
        for average in averages
        if average["suite"] == suite and average["alarms"]
    ]
    lines = table(["suite", *_ALARMS.values()], rows)
    return f"### Alarms on the test rows, for a budget of one false alarm a week\n\n{lines}"


def _files(averages: Sequence[Mapping[str, Any]]) -> str:
    """The detector and both VARs on every file, folded up."""
    names = list(dict.fromkeys(average["file"] for average in averages))
    of = {(average["file"], average["method"]): average for average in averages}
    rows = [
        [
            name,
            *(with_spread(of[name, PRODUCT][protocol]["vus_pr"]) for protocol in _PROTOCOLS),
            *(figure(of[name, method]["test_rows"]["vus_pr"]["mean"]) for method in _VARS),
            f"{figure(of[name, PRODUCT]['alarms']['found']['mean'], 1)} of "
            f"{of[name, PRODUCT]['alarms']['events']['mean']:.0f}",
        ]
        for name in names
    ]
    columns = [
        "file",
        "whole series",
        "test rows",
        *(f"{name}, test rows" for name in _VARS),
        "events detected",
    ]
    lines = table(columns, rows)
    return f"<details><summary>VUS-PR of every file</summary>\n\n{lines}\n</details>\n"
