"""Part ``ablation``: how much each idea of the detector contributes, compared with noise."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.studies.markdown import figure, table, with_spread
from tests.studies.quality.ablation_jobs import FULL, REWEIGHED, SWITCHES, full_run, switched_run
from tests.studies.quality.jobs import Job, run
from tests.studies.quality.labelled_files import SUITES, LabelledFile, files_of
from tests.studies.quality.settings import QualitySettings

_EVERY = {"skab": 6}  # its files are similar: every sixth file is enough to distinguish an effect from noise
_PROTOCOLS = ("whole_series", "test_rows")
_ALL = "mean"

# VUS-PR of a row on a protocol, by suite: [seeds, files], NaN where a file has no anomalous row
_RowFigures = Mapping[str, Mapping[str, Mapping[str, NDArray[np.float64]]]]


def measure(settings: QualitySettings) -> dict[str, Any]:
    """Mean and spread over the seeds of every row, and of its difference to the full detector."""
    files = {suite: files_of(suite, settings, _EVERY.get(suite, 1)) for suite in SUITES}
    jobs = [job for suite in SUITES for file in files[suite] for job in _jobs(file, settings.seeds)]
    by_job = dict(zip(map(_name, jobs), run(jobs, settings, "ablation"), strict=True))
    results = {row: _row(row, files, settings.seeds, by_job) for row in (FULL, *SWITCHES, *REWEIGHED)}
    return {
        "seeds": settings.seeds,
        "files": {suite: len(chosen) for suite, chosen in files.items()},
        "every": _EVERY,
        "rows": [_figures(row, results) for row in results],
    }


def _jobs(file: LabelledFile, seeds: int) -> list[Job]:
    """All fits of one file together."""
    seeded = [{**file.arguments, "seed": seed} for seed in range(seeds)]
    switched = [{**arguments, "switch": switch} for arguments in seeded for switch in SWITCHES.values()]
    full = [Job(work=full_run, arguments=arguments) for arguments in seeded]
    return full + [Job(work=switched_run, arguments=arguments) for arguments in switched]


def _name(job: Job) -> tuple[Any, ...]:
    return job.arguments["path"], job.arguments["seed"], job.arguments.get("switch")


def _row(
    row: str, files: Mapping[str, Sequence[LabelledFile]], seeds: int, by_job: Mapping[tuple[Any, ...], Any]
) -> dict[str, dict[str, NDArray[np.float64]]]:
    def vus_pr_of(file: LabelledFile, seed: int) -> Mapping[str, float]:
        result: Mapping[str, Any] = by_job[str(file.path), seed, SWITCHES.get(row)]
        return result if row in SWITCHES else result["rows"][row]

    return {
        protocol: {
            suite: np.array([[vus_pr_of(file, seed)[protocol] for file in chosen] for seed in range(seeds)])
            for suite, chosen in files.items()
        }
        for protocol in _PROTOCOLS
    }


def _figures(row: str, results: _RowFigures) -> dict[str, Any]:
    """A row of the table: by protocol, every suite and the mean of the suites."""
    by_protocol = {protocol: _by_suite(results[row][protocol]) for protocol in _PROTOCOLS}
    full = {protocol: _by_suite(results[FULL][protocol]) for protocol in _PROTOCOLS}
    return {
        "row": row,
        **{protocol: _means_and_spreads(by_suite) for protocol, by_suite in by_protocol.items()},
        "difference": {
            protocol: _means_and_spreads(
                {name: seeds - full[protocol][name] for name, seeds in by_suite.items()}
            )
            for protocol, by_suite in by_protocol.items()
        },
    }


def _by_suite(values: Mapping[str, NDArray[np.float64]]) -> dict[str, NDArray[np.float64]]:
    """``[seeds]`` by suite, and their mean; a suite without any defined value is left out of the mean."""
    means = {
        suite: np.nanmean(by_file, axis=1) for suite, by_file in values.items() if not np.isnan(by_file).all()
    }
    return means | {_ALL: np.mean(list(means.values()), axis=0)}


def _means_and_spreads(by_suite: Mapping[str, NDArray[np.float64]]) -> dict[str, Any]:
    return {
        name: {
            "mean": float(seeds.mean()),
            "spread": float(seeds.std(ddof=1)) if len(seeds) > 1 else None,
        }
        for name, seeds in by_suite.items()
    }


def section(figures: Mapping[str, Any]) -> str:
    """One table for each protocol."""
    return "\n".join(
        [
            "## Ablation\n",
            _intro(figures),
            "### Whole series\n",
            _table(figures["rows"], "whole_series"),
            "### Test rows\n",
            _table(figures["rows"], "test_rows"),
        ]
    )


def _intro(figures: Mapping[str, Any]) -> str:
    files = ", ".join(
        f"{suite} {count}{_selection(suite, figures)}" for suite, count in figures["files"].items()
    )
    spread = _largest(row["difference"] for row in figures["rows"])
    noise = "" if spread is None else f"\nThe largest spread of a difference's mean is {figure(spread)}."
    return (
        f"VUS-PR. Files: {files}; seeds: {figures['seeds']}.\n"
        "The dual path, the contrastive loss and stage averaging are switched off before training. The\n"
        "ideas in the other rows have no part in training: these rows are the fits of the full detector\n"
        "with other weights of the terms.\n"
        "*Difference* is the difference to the full detector with the same seeds, mean of the suites. A\n"
        f"difference that is not clearly larger than its own spread is noise.{noise}\n"
    )


def _selection(suite: str, figures: Mapping[str, Any]) -> str:
    every = figures["every"].get(suite)
    return f" (every {every}th file)" if every else ""


def _largest(differences: Iterable[Mapping[str, Any]]) -> float | None:
    spreads = [difference[protocol][_ALL]["spread"] for difference in differences for protocol in _PROTOCOLS]
    known = [spread for spread in spreads if spread is not None]
    return max(known, default=None)


def _table(rows: Sequence[Mapping[str, Any]], protocol: str) -> str:
    suites = [suite for suite in SUITES if suite in rows[0][protocol]]
    lines = [
        [
            row["row"],
            with_spread(row[protocol][_ALL]),
            "" if row["row"] == FULL else _signed(row["difference"][protocol][_ALL]),
            *(with_spread(row[protocol][suite]) for suite in suites),
        ]
        for row in rows
    ]
    return table(["", "mean of the suites", "difference", *suites], lines)


def _signed(statistic: Mapping[str, Any]) -> str:
    text = with_spread(statistic)
    return text if statistic["mean"] < 0 else f"+{text}"
