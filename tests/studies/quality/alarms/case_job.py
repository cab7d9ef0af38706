"""The job of the study of alarms: one method on one case."""

from __future__ import annotations

import time
from collections.abc import Sequence
from inspect import getfile
from pathlib import Path
from typing import Any

import tfstream
from tests.studies.quality.alarms import (
    cases,
    measure_run,
    methods,
    nab_score,
    pictured_faults,
    refitted,
    sensor_faults,
)
from tests.studies.quality.alarms.cases import AlarmCase, CaseRun
from tests.studies.quality.alarms.methods import AlarmMethod, FittedAlarms, NamedAlarm
from tests.studies.quality.alarms.nab_score import NabWindow, nab_points
from tests.studies.quality.alarms.peers.registered import PEERS
from tests.studies.quality.alarms.pictured_faults import pictured
from tests.studies.quality.alarms.refitted import Refitted
from tests.studies.quality.alarms.registry import MAKERS, METHODS, CaseRecipe
from tests.studies.quality.jobs import Job
from tests.studies.quality.runs import built_in
from tfstream.core.reading import Series
from tfstream.errors import BadData

_PRODUCT = Path(tfstream.__file__).parent


def job_of(recipe: CaseRecipe, method: str, data: Path | None) -> Job:
    """The job of a method on a case. Its result is cached as long as the code of both stays as it is."""
    own = (cases, measure_run, methods, nab_score, pictured_faults, refitted, sensor_faults)
    code = [Path(str(module.__file__)) for module in own]
    code += [Path(__file__), Path(getfile(MAKERS[recipe.maker])), *_method_code(method)]
    return Job(
        work=run_case,
        arguments={
            "maker": recipe.maker,
            "arguments": recipe.arguments,
            "method": method,
            "data": None if data is None else str(data),
        },
        code=tuple(code),
    )


def _method_code(method: str) -> list[Path]:
    """The files and folders that a method's alarms depend on: a peer does not depend on the detector."""
    own = Path(getfile(type(METHODS[method]())))
    if method in PEERS:
        return [own.parent, _PRODUCT / "demo", _PRODUCT / "core/alarms/pareto_tail.py"]
    return [own, _PRODUCT]


def run_case(maker: str, arguments: dict[str, Any], method: str, data: str | None) -> dict[str, Any]:
    """The outcomes of all runs of a case, and the seconds that they took."""
    case = MAKERS[maker](None if data is None else Path(data), **arguments)
    chosen = METHODS[method]()
    began = time.monotonic()
    fitted = _first_fit(chosen, case)
    fit_seconds = time.monotonic() - began
    if case.refit_days:
        raised = Refitted(method=chosen, case=case).alarms(fitted)
    else:
        raised = [fitted.alarms(run.series, run.first_row) for run in case.runs]
    return {
        "runs": [_run(run, alarms, nab=case.nab) for run, alarms in zip(case.runs, raised, strict=True)],
        "pictures": [
            picture
            for run, alarms in zip(case.runs, raised, strict=True)
            for picture in pictured(run, case.definition.sensors, alarms)
        ],
        "interval_us": case.definition.interval_us,
        "budget": case.definition.alarm_budget_per_week,
        "fit_seconds": fit_seconds,
        "seconds": time.monotonic() - began,
    }


class _NoAlarms:
    """The fit of a method that has too little to learn from: it raises no alarm until a refit."""

    def alarms(self, series: Series, first_row: int) -> list[NamedAlarm]:
        return []


def _first_fit(method: AlarmMethod, case: AlarmCase) -> FittedAlarms:
    try:
        return method.fit(case.learn, case.definition, 0)
    except BadData:
        return _NoAlarms()


def _run(run: CaseRun, alarms: Sequence[NamedAlarm], *, nab: bool) -> dict[str, Any]:
    """A run's outcome, and its alarms for a closer look; with ``nab`` also its points in that benchmark."""
    outcome = {"run": run.name, **built_in(measure_run.measure_run(run, alarms))}
    if nab:
        outcome["nab"] = _nab_points(run, alarms)
    return {**outcome, "alarms": [_line(alarm) for alarm in alarms]}


def _nab_points(run: CaseRun, alarms: Sequence[NamedAlarm]) -> dict[str, Any]:
    """One detection at each alarm's opening: the newest row that was known then."""
    windows = [NabWindow(fault.first, fault.stop - 1) for fault in run.faults]
    points = nab_points([alarm.raised - 1 for alarm in alarms], windows, run.first_row)
    return {"group": run.faults[0].kind, **points._asdict()}


def _line(alarm: NamedAlarm) -> list[Any]:
    return [alarm.first, alarm.raised, alarm.stop, list(alarm.sensors), alarm.witness]
