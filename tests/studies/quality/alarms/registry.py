"""The methods and the cases of the study of alarms."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from tests.studies.quality.alarms import (
    demo_plant_cases,
    nab_cases,
    new_plant_cases,
    season_cases,
    server_cases,
    standing_cases,
    suite_cases,
    tep_cases,
    wide_cases,
)
from tests.studies.quality.alarms.cases import AlarmCase
from tests.studies.quality.alarms.instrument_method import InstrumentMethod
from tests.studies.quality.alarms.labelled_tables import files_in
from tests.studies.quality.alarms.methods import AlarmMethod
from tests.studies.quality.alarms.peers.registered import PEERS
from tests.studies.quality.alarms.product import Product
from tests.studies.quality.settings import QualitySettings

_MONTHS = 8  # of 40 sensor faults each
_PLANTS = 8
_LEARNT_PLANTS = 3
_LONG = 2  # plants whose cases take many minutes: a reduced run leaves them out
_SHIFTS = 4
_SHIFTED = 3
_SERVERS = tuple(f"omi-{number}.parquet" for number in (1, 3, 5, 7, 9, 11))
_SAMPLINGS: Mapping[str, dict[str, Any]] = MappingProxyType(
    {
        "60 s": {"interval_s": 60},
        "10 s": {"interval_s": 10},
        "means of 5 min": {"interval_s": 60, "average": 5},
    }
)
_EVERY_SECOND: dict[str, Any] = {"interval_s": 1, "learn_days": 2}  # four days need more than 8 GiB
_VARIED: dict[str, Any] = {"interval_s": 60, "scored_days": 4, "varied": True}
_PLANT_SENSORS: dict[str, Any] = {"interval_s": 60, "scored_days": 14}
_LEARNT_PLANT: dict[str, Any] = {"interval_s": 60, "learn_days": 14, "scored_days": 2}
_LEARNT_FAULTS = 5
_REFITTED_PLANT: dict[str, Any] = {"interval_s": 60, "scored_days": 7, "refit_days": 1}

MakeCase = Callable[..., AlarmCase]
"""Makes a case from the folder of labelled data, or None, and the arguments of its recipe."""


@dataclass(frozen=True, kw_only=True)
class CaseRecipe:
    """A case by the name of its maker, and by arguments that JSON can hold.

    ``suite`` is the title of its lines in the tables; the figures of all recipes of a suite are added up.
    ``peers``: the methods beside the product are measured, too.
    """

    suite: str
    maker: str
    arguments: dict[str, Any] = field(default_factory=dict)
    peers: bool = True


METHODS: Mapping[str, Callable[[], AlarmMethod]] = {
    "tfstream": Product,
    "instruments": InstrumentMethod,
    **PEERS,
}
MAKERS: Mapping[str, MakeCase] = {
    "tep": tep_cases.tep,
    "tep_disturbances": tep_cases.tep_disturbances,
    "demo_plant": demo_plant_cases.demo_plant,
    "demo_plant_sensors": demo_plant_cases.demo_plant_sensors,
    "new_plant": new_plant_cases.new_plant,
    "server": server_cases.server,
    "wide": wide_cases.wide,
    "shifts": season_cases.shifts,
    "tep_shifts": standing_cases.tep_shifts,
    "plant_shifts": standing_cases.plant_shifts,
    "nab": nab_cases.nab,
    "labelled_suite": suite_cases.labelled_suite,
}


def recipes(settings: QualitySettings) -> list[CaseRecipe]:
    """All cases in the order of the tables; a reduced run has fewer plants, files and sensor faults."""
    most = settings.files or _PLANTS
    return [
        *_tep(settings),
        *(recipe for title, each in _SAMPLINGS.items() for recipe in _demo_plants(title, most, each)),
        *_alone(_demo_plants("1 s", 0 if settings.files else _LONG, _EVERY_SECOND)),
        *_alone(_demo_plants("60 s, varied", most, _VARIED)),
        *_alone(_demo_plants("60 s, refitted every day", 0 if settings.files else _LONG, _REFITTED_PLANT)),
        *_alone(_demo_plants("60 s, 14 days learnt", min(most, _LEARNT_PLANTS), _LEARNT_PLANT)),
        *_alone(
            _demo_plants(
                "60 s, 14 days with 5 faults learnt",
                min(most, _LEARNT_PLANTS),
                {**_LEARNT_PLANT, "learnt_faults": _LEARNT_FAULTS},
            )
        ),
        CaseRecipe(suite="127 sensors, 1 s", maker="wide", arguments={"hours": 4 * most}, peers=False),
        *_of_seeds("new plant", "new_plant", min(most, 3), {}),
        *_of_seeds("demo plant, sensor faults", "demo_plant_sensors", min(most, 2), _PLANT_SENSORS),
        *_servers("servers", settings.files, {}),
        *_alone(_servers("servers, refitted every 4 days", settings.files, {"refit_days": 4})),
        *_of_seeds("plant with shifts", "shifts", min(most, _SHIFTS), {}),
        CaseRecipe(suite="Tennessee Eastman, shifts that stay", maker="tep_shifts", peers=False),
        *_alone(_of_seeds("demo plant, shifts that stay", "plant_shifts", min(most, _SHIFTED), {})),
        *_nab("NAB, one fit", settings, refits=False),
        *_nab("NAB, refitted", settings, refits=True),
        *(recipe for suite in suite_cases.SUITES for recipe in _labelled(suite, settings)),
    ]


def _alone(cases: list[CaseRecipe]) -> list[CaseRecipe]:
    """The same cases for the product alone."""
    return [replace(case, peers=False) for case in cases]


def _tep(settings: QualitySettings) -> list[CaseRecipe]:
    """The folder in TFSTREAM_TEP_RUNS has runs of another seed, which count in the same lines."""
    months = min(settings.files or _MONTHS, _MONTHS)
    suite, runs, folder = "Tennessee Eastman", settings.files, os.environ.get("TFSTREAM_TEP_RUNS")
    given = CaseRecipe(suite=suite, maker="tep", arguments={"months": months, "runs": runs})
    more = CaseRecipe(suite=suite, maker="tep_disturbances", arguments={"folder": folder, "runs": runs})
    return [given] if folder is None else [given, more]


def _demo_plants(title: str, seeds: int, arguments: dict[str, Any]) -> list[CaseRecipe]:
    return _of_seeds(f"demo plant, {title}", "demo_plant", seeds, arguments)


def _of_seeds(suite: str, maker: str, seeds: int, arguments: dict[str, Any]) -> list[CaseRecipe]:
    return [
        CaseRecipe(suite=suite, maker=maker, arguments={"seed": seed, **arguments}) for seed in range(seeds)
    ]


def _servers(suite: str, most: int | None, arguments: dict[str, Any]) -> list[CaseRecipe]:
    return [
        CaseRecipe(suite=suite, maker="server", arguments={"file": file, **arguments})
        for file in _SERVERS[:most]
    ]


def _nab(suite: str, settings: QualitySettings, *, refits: bool) -> list[CaseRecipe]:
    return [
        CaseRecipe(suite=suite, maker="nab", arguments={"file": file, "refits": refits})
        for file in files_in(settings.data, "nab")[: settings.files]
        if file.endswith(".csv")
    ]


def _labelled(suite: str, settings: QualitySettings) -> list[CaseRecipe]:
    train_rows = suite_cases.SUITES[suite]
    files = [file for file in files_in(settings.data, suite) if file not in suite_cases.WITHOUT_EVENTS]
    return [
        CaseRecipe(
            suite=f"suite {suite}",
            maker="labelled_suite",
            arguments={"suite": suite, "file": file, "train_rows": train_rows},
        )
        for file in files[: settings.files]
    ]
