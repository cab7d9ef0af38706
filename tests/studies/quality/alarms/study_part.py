"""Measures the part ``alarms`` of the quality study."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.studies.provenance import last_change, today
from tests.studies.quality.alarms.case_job import job_of
from tests.studies.quality.alarms.pictured_faults import draw
from tests.studies.quality.alarms.registry import METHODS, CaseRecipe, recipes
from tests.studies.quality.alarms.suite_figures import PRODUCT, Line, SuiteKey, add_up
from tests.studies.quality.jobs import run
from tests.studies.quality.settings import QualitySettings

_BEFORE, _PICTURE = "alarms_before.json", "alarms.svg"


def measure(settings: QualitySettings) -> dict[str, Any]:
    """The lines of all suites, and the lines of the detector that came before, which are kept in a file.

    Lines of suites that ``--only`` leaves out stay as they are in the folder's JSON file.
    """
    chosen = [recipe for recipe in recipes(settings) if settings.only in recipe.suite]
    tasks = [
        (recipe, method)
        for recipe in chosen
        for method in METHODS
        if (recipe.peers or method == PRODUCT) and settings.method in method
    ]
    jobs = [job_of(recipe, method, settings.data) for recipe, method in tasks]
    results = run(jobs, settings, "alarms")
    lines = _lines(tasks, results)
    kept = _read_lines(settings.folder / "alarms.json") if settings.only or settings.method else []
    picture = settings.folder / _PICTURE
    for (_, method), result in zip(tasks, results, strict=True):
        if method == PRODUCT and result["pictures"]:
            draw(result["pictures"], result["interval_us"], picture)
    return {
        "lines": _in_order([*_replaced(kept, lines), *lines]),
        "before": _read_lines(settings.folder / _BEFORE),
        "picture": picture.exists(),
    }


def _lines(tasks: Sequence[tuple[CaseRecipe, str]], results: Sequence[Any]) -> list[Line]:
    """A line for each part of each suite by each method, with the commit that it was measured at."""
    keys = [
        SuiteKey(recipe.suite, run_result["part"], method)
        for (recipe, method), result in zip(tasks, results, strict=True)
        for run_result in result["runs"]
    ]
    origin = {"commit": last_change("tfstream"), "date": today()}
    return [{**add_up(key, _results_of(key, tasks, results)), **origin} for key in dict.fromkeys(keys)]


def _results_of(key: SuiteKey, tasks: Sequence[tuple[CaseRecipe, str]], results: Sequence[Any]) -> list[Any]:
    return [
        result
        for (recipe, method), result in zip(tasks, results, strict=True)
        if (recipe.suite, method) == (key.suite, key.method)
    ]


def _replaced(kept: Sequence[Line], lines: Sequence[Line]) -> list[Line]:
    """The kept lines of suites and methods that were not measured again."""
    measured = {(line["suite"], line["method"]) for line in lines}
    return [line for line in kept if (line["suite"], line["method"]) not in measured]


def _in_order(lines: Sequence[Line]) -> list[Line]:
    """By suite in the order of the cases, then part, then method."""
    suites = list(dict.fromkeys(recipe.suite for recipe in recipes(QualitySettings(data=None))))
    parts = list(dict.fromkeys(line["part"] for line in lines))
    methods = list(METHODS)
    known = [line for line in lines if line["suite"] in suites and line["method"] in methods]
    return sorted(
        known,
        key=lambda line: (
            suites.index(line["suite"]),
            parts.index(line["part"]),
            methods.index(line["method"]),
        ),
    )


def _read_lines(file: Path) -> list[Line]:
    """The lines of an earlier run; empty without a file."""
    if not file.exists():
        return []
    lines: list[Line] = json.loads(file.read_text(encoding="utf-8"))["found"]["lines"]
    return lines
