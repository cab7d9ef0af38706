"""Part ``robustness``: strange readings, and faults among the rows that are learnt from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

import numpy as np

from tests.studies.markdown import figure, table, target
from tests.studies.quality.ablation_jobs import FULL, full_run
from tests.studies.quality.contamination import contaminated_run
from tests.studies.quality.jobs import Job, run
from tests.studies.quality.labelled_files import SUITES, LabelledFile, files_of
from tests.studies.quality.settings import QualitySettings
from tests.studies.quality.unusual_readings import CASES, run_named_case

_SHARE = 0.05
_MOST_LOSS = 0.05
_EVERY = {"skab": 3}
_SEEDS = 1  # the mean of so many files is steady enough
_PROTOCOLS = {"whole_series": "whole series", "test_rows": "test rows"}


def measure(settings: QualitySettings) -> dict[str, Any]:
    """What comes of every strange case, and VUS-PR with and without contamination."""
    jobs = [Job(work=run_named_case, arguments={"name": case.name}) for case in CASES]
    outcomes = run(jobs, settings, "robustness: strange readings")
    return {
        "cases": [{"name": case.name, **found} for case, found in zip(CASES, outcomes, strict=True)],
        "contamination": {"share": _SHARE, "every": _EVERY, "seeds": _SEEDS, **_suites(settings)},
    }


def _suites(settings: QualitySettings) -> dict[str, Any]:
    """Clean and contaminated, by suite; the clean fits are those of the part ``suites``."""
    files = {suite: files_of(suite, settings, _EVERY.get(suite, 1)) for suite in SUITES}
    jobs = [job for suite in SUITES for file in files[suite] for job in _jobs(file, _SEEDS)]
    found = iter(run(jobs, settings, "robustness: contamination"))
    per_file = 2 * _SEEDS
    return {
        "suites": {
            suite: _averages([next(found) for _ in range(per_file * len(files[suite]))]) for suite in SUITES
        }
    }


def _jobs(file: LabelledFile, seeds: int) -> list[Job]:
    """For every seed the clean fit, then the contaminated one."""
    return [
        job
        for seed in range(seeds)
        for job in (
            Job(work=full_run, arguments={**file.arguments, "seed": seed}),
            Job(work=contaminated_run, arguments={**file.arguments, "seed": seed, "share": _SHARE}),
        )
    ]


def _averages(found: Sequence[Any]) -> dict[str, Any]:
    """Over files and seeds, clean and contaminated in turn; a file without an anomalous row is left out."""
    clean = [one["rows"][FULL] for one in found[::2]]
    contaminated = found[1::2]
    return {
        "fits": len(clean),
        "share": fmean(one["share"] for one in contaminated),
        **{
            protocol: {
                "clean": float(np.nanmean([one[protocol] for one in clean])),
                "contaminated": float(np.nanmean([one[protocol] for one in contaminated])),
            }
            for protocol in _PROTOCOLS
        },
    }


def section(found: Mapping[str, Any]) -> str:
    """Contamination first: it has a target in figures."""
    return "\n".join(
        [
            "## Robustness\n",
            "### Faults among the rows learnt from\n",
            _contamination(found["contamination"]),
            "### Strange readings\n",
            _CASES,
            _cases(found["cases"]),
        ]
    )


_CASES = """Simulated readings, 6 channels and 800 rows to learn from where nothing else is said. Wanted: a
finite score for every window, or a refusal that says why. *Fault seen*: whether a shift of the first channel
by three deviations has the highest score of the series, where nothing else in the scored rows is strange.
"""


def _contamination(found: Mapping[str, Any]) -> str:
    suites = found["suites"]
    thinned = ", ".join(f"{suite}: every {every}. run" for suite, every in found["every"].items())
    words = (
        f"VUS-PR after learning from training rows of which about {100 * found['share']:.0f} % have\n"
        f"faults of all kinds put into them; scored is the series as it is.\n"
        f"Seeds: {found['seeds']}; {thinned}.\n"
    )
    rows = [
        [
            suite,
            name,
            figure(one[protocol]["clean"]),
            figure(one[protocol]["contaminated"]),
            _percent(one["share"]),
        ]
        for suite, one in suites.items()
        for protocol, name in _PROTOCOLS.items()
    ]
    columns = ["suite", "protocol", "clean", "contaminated", "rows with faults"]
    losses = [["loss, mean of the suites, " + name, *_loss(suites, key)] for key, name in _PROTOCOLS.items()]
    return f"{words}\n{table(columns, rows)}\n{table(['target', 'found', 'wanted', ''], losses)}"


def _loss(suites: Mapping[str, Any], protocol: str) -> list[str]:
    loss = fmean(one[protocol]["clean"] - one[protocol]["contaminated"] for one in suites.values())
    return target(loss, loss <= _MOST_LOSS, f"≤ {figure(_MOST_LOSS, 2)}")


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _cases(cases: Sequence[Mapping[str, Any]]) -> str:
    seen = {True: "yes", False: "**no**", None: "-"}
    rows = [
        [one["name"], _outcome(one), seen[one["seen"]], "met" if one["as_wanted"] else "**missed**"]
        for one in cases
    ]
    return table(["case", "outcome", "fault seen", ""], rows)


def _outcome(one: Mapping[str, Any]) -> str:
    if one["failure"]:
        return f"failed: {one['failure']}"
    if one["refusal"]:
        return f"refused: {one['refusal']}"
    return f"{one['scores']} of {one['windows']} windows scored"
