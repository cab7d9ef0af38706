"""Part ``gate``: does the self-test of the promotion gate rank models as labels do, and whom does it stop?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
from scipy.stats import kendalltau

from tests.studies.markdown import figure, table, target
from tests.studies.quality.gate_jobs import AS_IS, RECIPES, WEIGHTS, models_of
from tests.studies.quality.jobs import Job, run
from tests.studies.quality.labelled_files import SUITES, LabelledFile, files_of
from tests.studies.quality.settings import QualitySettings
from tfstream.core.learning.promotion_rule import MARGIN

_EVERY = {"msl": 4, "skab": 9}
_PROTOCOLS = {"test_rows": "test rows", "whole_series": "whole series"}
_WANTED = 0.3
_MANY_PLACES = 64
_RESAMPLES = 2000


def measure(settings: QualitySettings) -> dict[str, Any]:
    """Kendall's tau of every file, its mean, what each recipe came to, and the price of holding out."""
    files = _files(settings)
    found = run([Job(work=models_of, arguments=file.arguments) for file in files], settings, "gate")
    told = [_file(file, one) for file, one in zip(files, found, strict=True) if one["models"]]
    many = [one for one in told if one["places"] >= _MANY_PLACES]
    return {
        "models": len(RECIPES) * len(WEIGHTS),
        "margin": MARGIN,
        "files": sorted(told, key=lambda one: str(one["file"])),
        "tau": {name: {"all": _mean(told, name), "many": _mean(many, name)} for name in _PROTOCOLS},
        "recipes": [_recipe(name, found) for name in RECIPES],
        "held_out": {name: _price(found, name) for name in _PROTOCOLS},
    }


def _files(settings: QualitySettings) -> list[LabelledFile]:
    """The suites in turn: an interrupted run has some of each."""
    suites = [files_of(suite, settings, _EVERY.get(suite, 1)) for suite in reversed(SUITES)]
    return [file for turn in zip_longest(*suites) for file in turn if file is not None]


def _file(file: LabelledFile, found: Mapping[str, Any]) -> dict[str, Any]:
    models = found["models"]
    return {
        "file": f"{Path(file.path).parent.name}/{file.path.name}",
        "places": found["places"],
        "champion": models[0]["auc"],
        "tau": {name: _tau(models, name) for name in _PROTOCOLS},
    }


def _tau(models: Sequence[Mapping[str, Any]], protocol: str) -> float | None:
    """None where no row is anomalous under the protocol."""
    quality = [one["vus_pr"][protocol] for one in models]
    if not np.isfinite(quality).all():
        return None
    return float(kendalltau([one["auc"] for one in models], quality).statistic)


def _mean(files: Sequence[Mapping[str, Any]], protocol: str) -> dict[str, Any]:
    """Over the files, with a bootstrap interval of 95 %."""
    known = np.array([one["tau"][protocol] for one in files if one["tau"][protocol] is not None])
    if not len(known):
        return {"files": 0, "mean": None, "interval": None}
    drawn = np.random.default_rng(0).choice(known, (_RESAMPLES, len(known))).mean(axis=1)
    interval = [float(edge) for edge in np.quantile(drawn, (0.025, 0.975))]
    return {"files": len(known), "mean": float(known.mean()), "interval": interval}


def _recipe(name: str, found: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """With all its terms, beside the champion of the same file."""
    pairs = [
        (one["models"][0], model)
        for one in found
        for model in one["models"]
        if (model["recipe"], model["terms"]) == (name, AS_IS)
    ]
    lost = [
        champion["vus_pr"]["test_rows"] - model["vus_pr"]["test_rows"]
        for champion, model in pairs
        if np.isfinite(model["vus_pr"]["test_rows"])
    ]
    return {
        "recipe": name,
        "auc": fmean(model["auc"] - champion["auc"] for champion, model in pairs),
        "vus_pr": -fmean(lost),
        "worse": sum(not model["detection"] for _, model in pairs),
        "loud": sum(not model["budget"] for _, model in pairs),
        "models": len(pairs),
    }


def _price(found: Sequence[Mapping[str, Any]], protocol: str) -> dict[str, Any]:
    """VUS-PR of the champion, and of the same fit with nothing held out."""
    pairs = [
        (one["models"][0]["vus_pr"][protocol], one["all_rows"][protocol]) for one in found if one["models"]
    ]
    known = [pair for pair in pairs if np.isfinite(pair).all()]
    return {"held_out": fmean(pair[0] for pair in known), "all_rows": fmean(pair[1] for pair in known)}


def section(found: Mapping[str, Any]) -> str:
    """What it is good for first."""
    return "\n".join(
        [
            "## The promotion gate\n",
            _words(found),
            _taus(found),
            _verdict(found),
            "### Whom it stops\n",
            _recipes(found),
            "### What holding out costs\n",
            _held_out(found),
        ]
    )


def _words(found: Mapping[str, Any]) -> str:
    return (
        f"`learning.md` says what the gate does. Its self-test needs no label: does it rank models as\n"
        f"labels do? {found['models']} models of each file, {len(RECIPES)} fits, each with all terms and\n"
        f"with two selections of them, good ones and spoilt ones: Kendall's tau between the AUC of the\n"
        f"self-test and VUS-PR. *Places* is how many stretches of 32 rows the held-out tenth has to put\n"
        f"faults into and to compare with: a day of a row a minute has 177.\n"
    )


def _taus(found: Mapping[str, Any]) -> str:
    rows = [
        [
            one["file"],
            str(one["places"]),
            figure(one["champion"]),
            *(figure(one["tau"][p]) for p in _PROTOCOLS),
        ]
        for one in found["files"]
    ]
    columns = ["file", "places", "AUC of the champion", *(f"tau, {name}" for name in _PROTOCOLS.values())]
    means = [
        [
            f"mean tau, {name}, {words}",
            _interval(found["tau"][protocol][which]),
            *target(*_reached(found["tau"][protocol][which]["mean"])),
        ]
        for protocol, name in _PROTOCOLS.items()
        for which, words in (("all", "all files"), ("many", f"{_MANY_PLACES} places or more"))
    ]
    return f"{table(columns, rows)}\n{table(['', '95 % interval', 'found', 'wanted', ''], means)}"


def _reached(mean: float | None) -> tuple[float | None, bool, str]:
    return mean, mean is not None and mean >= _WANTED, f"≥ {figure(_WANTED, 1)}"


def _interval(found: Mapping[str, Any]) -> str:
    if found["interval"] is None:
        return "-"
    low, high = (figure(edge, 2) for edge in found["interval"])
    return f"{low} to {high} ({found['files']} files)"


def _verdict(found: Mapping[str, Any]) -> str:
    mean = found["tau"]["test_rows"]["all"]["mean"]
    if mean is not None and mean >= _WANTED:
        return "The self-test may choose among models.\n"
    return (
        "Over all files that is too little to choose the better of two good models by it. It is used as a\n"
        "guard against regressions alone: a clearly worse model is turned away, and no model is preferred.\n"
    )


def _recipes(found: Mapping[str, Any]) -> str:
    words = (
        f"The fits with all their terms, beside the champion of the same file: mean differences, and\n"
        f"how many the gate turns away because they detect worse (by more than {figure(found['margin'], 2)}\n"
        f"of the AUC) or break the alarm budget on the held-out rows.\n"
    )
    rows = [
        [
            one["recipe"],
            f"{one['auc']:+.3f}",
            f"{one['vus_pr']:+.3f}",
            f"{one['worse']} of {one['models']}",
            f"{one['loud']} of {one['models']}",
        ]
        for one in found["recipes"]
    ]
    columns = ["", "AUC", "VUS-PR, test rows", "worse", "too many alarms"]
    return f"{words}\n{table(columns, rows)}"


def _held_out(found: Mapping[str, Any]) -> str:
    rows = [
        [name, *(figure(found["held_out"][protocol][which]) for which in ("all_rows", "held_out"))]
        for protocol, name in _PROTOCOLS.items()
    ]
    words = (
        "VUS-PR of the champion's recipe, mean of the files: the newest tenth is not learnt from. It is\n"
        "paid by the model that is judged; what is put in charge is fitted again to all rows.\n"
    )
    return f"{words}\n{table(['', 'nothing held out', 'held out'], rows)}"
