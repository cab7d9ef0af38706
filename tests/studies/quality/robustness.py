"""Part ``robustness``: unusual readings, and faults in the training rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

import numpy as np

from tests.studies.markdown import figure, met, table, target
from tests.studies.quality.ablation_jobs import FULL, full_run
from tests.studies.quality.contamination import contaminated_run
from tests.studies.quality.jobs import Job, run
from tests.studies.quality.labelled_files import SUITES, LabelledFile, files_of
from tests.studies.quality.settings import QualitySettings
from tests.studies.quality.unusual_readings import CASES, run_named_case

_SHARE = 0.05
_MOST_LOSS = 0.05
_EVERY = {"skab": 3}
_SEEDS = 1  # the mean over the files varies little between seeds
_ORDINALS = {3: "rd"}
_PROTOCOLS = {"whole_series": "whole series", "test_rows": "test rows"}


def measure(settings: QualitySettings) -> dict[str, Any]:
    """The result of every case of unusual readings, and VUS-PR with and without faults in training."""
    jobs = [Job(work=run_named_case, arguments={"name": case.name}) for case in CASES]
    outcomes = run(jobs, settings, "robustness: unusual readings")
    return {
        "cases": [{"name": case.name, **result} for case, result in zip(CASES, outcomes, strict=True)],
        "contamination": {"share": _SHARE, "every": _EVERY, "seeds": _SEEDS, **_suites(settings)},
    }


def _suites(settings: QualitySettings) -> dict[str, Any]:
    """VUS-PR with clean and with faulty training rows, by suite; the clean fits are those of ``suites``."""
    files = {suite: files_of(suite, settings, _EVERY.get(suite, 1)) for suite in SUITES}
    jobs = [job for suite in SUITES for file in files[suite] for job in _jobs(file, _SEEDS)]
    results = iter(run(jobs, settings, "robustness: contamination"))
    per_file = 2 * _SEEDS
    return {
        "suites": {
            suite: _averages([next(results) for _ in range(per_file * len(files[suite]))]) for suite in SUITES
        }
    }


def _jobs(file: LabelledFile, seeds: int) -> list[Job]:
    """For every seed the fit to clean rows, then the fit to rows with faults."""
    return [
        job
        for seed in range(seeds)
        for job in (
            Job(work=full_run, arguments={**file.arguments, "seed": seed}),
            Job(work=contaminated_run, arguments={**file.arguments, "seed": seed, "share": _SHARE}),
        )
    ]


def _averages(results: Sequence[Any]) -> dict[str, Any]:
    """Means over files and seeds of alternating results; a file without an anomalous row is left out."""
    clean = [result["rows"][FULL] for result in results[::2]]
    faulty = results[1::2]
    return {
        "fits": len(clean),
        "share": fmean(result["share"] for result in faulty),
        **{
            protocol: {
                "clean": float(np.nanmean([result[protocol] for result in clean])),
                "contaminated": float(np.nanmean([result[protocol] for result in faulty])),
            }
            for protocol in _PROTOCOLS
        },
    }


def section(figures: Mapping[str, Any]) -> str:
    """Faults in training first, because they have a numeric target."""
    return "\n".join(
        [
            "## Robustness\n",
            "### Faults in the training rows\n",
            _contamination(figures["contamination"]),
            "### Unusual readings\n",
            _CASES,
            _cases(figures["cases"]),
        ]
    )


_CASES = """Simulated readings, with 6 channels and 800 training rows unless the case says otherwise. The
target is a finite score for every window, or a refusal with its reason. *Fault detected*: whether a shift of
the first channel by three deviations has the highest score of the series; this is measured only if the other
scored rows are normal.
"""


def _contamination(figures: Mapping[str, Any]) -> str:
    suites = figures["suites"]
    selection = ", ".join(
        f"{suite}: every {every}{_ORDINALS[every]} file" for suite, every in figures["every"].items()
    )
    words = (
        f"VUS-PR after training on rows of which about {100 * figures['share']:.0f} % contain injected\n"
        f"faults of all kinds; the scored series has no injected faults.\n"
        f"Seeds: {figures['seeds']}; {selection}.\n"
    )
    rows = [
        [
            suite,
            name,
            figure(by_protocol[protocol]["clean"]),
            figure(by_protocol[protocol]["contaminated"]),
            _percent(by_protocol["share"]),
        ]
        for suite, by_protocol in suites.items()
        for protocol, name in _PROTOCOLS.items()
    ]
    columns = ["suite", "protocol", "clean rows", "rows with faults", "share of faulty rows"]
    losses = [[f"loss, mean of the suites, {name}", *_loss(suites, key)] for key, name in _PROTOCOLS.items()]
    return f"{words}\n{table(columns, rows)}\n{table(['target', 'result', 'wanted', ''], losses)}"


def _loss(suites: Mapping[str, Any], protocol: str) -> list[str]:
    loss = fmean(suite[protocol]["clean"] - suite[protocol]["contaminated"] for suite in suites.values())
    return target(loss, loss <= _MOST_LOSS, f"≤ {figure(_MOST_LOSS, 2)}")


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _cases(cases: Sequence[Mapping[str, Any]]) -> str:
    detected = {True: "yes", False: "**no**", None: "-"}
    rows = [[case["name"], _outcome(case), detected[case["seen"]], met(case["as_wanted"])] for case in cases]
    return table(["case", "outcome", "fault detected", ""], rows)


def _outcome(case: Mapping[str, Any]) -> str:
    if case["failure"]:
        return f"failed: {case['failure']}"
    if case["refusal"]:
        return f"refused: {case['refusal']}"
    return f"{case['scores']} of {case['windows']} windows scored"
