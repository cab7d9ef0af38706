"""Part ``gate``: does the promotion gate's self-test rank models as labels do, and which models fail it?"""

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
_MANY_SITES = 64
_RESAMPLES = 2000


def measure(settings: QualitySettings) -> dict[str, Any]:
    """Kendall's tau of every file and its mean, the result of each recipe, and the cost of held-out rows."""
    files = _files(settings)
    results = run([Job(work=models_of, arguments=file.arguments) for file in files], settings, "gate")
    summaries = [_file(file, result) for file, result in zip(files, results, strict=True) if result["models"]]
    many = [file for file in summaries if file["places"] >= _MANY_SITES]
    return {
        "models": len(RECIPES) * len(WEIGHTS),
        "margin": MARGIN,
        "files": sorted(summaries, key=lambda file: str(file["file"])),
        "tau": {name: {"all": _mean(summaries, name), "many": _mean(many, name)} for name in _PROTOCOLS},
        "recipes": [_recipe(name, results) for name in RECIPES],
        "held_out": {name: _held_out_cost(results, name) for name in _PROTOCOLS},
    }


def _files(settings: QualitySettings) -> list[LabelledFile]:
    """The files of all suites in turn, so that an interrupted run has files of each suite."""
    suites = [files_of(suite, settings, _EVERY.get(suite, 1)) for suite in reversed(SUITES)]
    return [file for turn in zip_longest(*suites) for file in turn if file is not None]


def _file(file: LabelledFile, result: Mapping[str, Any]) -> dict[str, Any]:
    models = result["models"]
    return {
        "file": f"{Path(file.path).parent.name}/{file.path.name}",
        "places": result["places"],
        "champion": models[0]["auc"],
        "tau": {name: _tau(models, name) for name in _PROTOCOLS},
    }


def _tau(models: Sequence[Mapping[str, Any]], protocol: str) -> float | None:
    """Kendall's tau; None where no row is anomalous under the protocol."""
    quality = [model["vus_pr"][protocol] for model in models]
    if not np.isfinite(quality).all():
        return None
    return float(kendalltau([model["auc"] for model in models], quality).statistic)


def _mean(files: Sequence[Mapping[str, Any]], protocol: str) -> dict[str, Any]:
    """The mean over the files, with a bootstrap interval of 95 %."""
    known = np.array([file["tau"][protocol] for file in files if file["tau"][protocol] is not None])
    if not len(known):
        return {"files": 0, "mean": None, "interval": None}
    drawn = np.random.default_rng(0).choice(known, (_RESAMPLES, len(known))).mean(axis=1)
    interval = [float(edge) for edge in np.quantile(drawn, (0.025, 0.975))]
    return {"files": len(known), "mean": float(known.mean()), "interval": interval}


def _recipe(name: str, results: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """A recipe's models with all terms, compared with the champion of the same file."""
    pairs = [
        (result["models"][0], model)
        for result in results
        for model in result["models"]
        if (model["recipe"], model["terms"]) == (name, AS_IS)
    ]
    losses = [
        champion["vus_pr"]["test_rows"] - model["vus_pr"]["test_rows"]
        for champion, model in pairs
        if np.isfinite(model["vus_pr"]["test_rows"])
    ]
    return {
        "recipe": name,
        "auc": fmean(model["auc"] - champion["auc"] for champion, model in pairs),
        "vus_pr": -fmean(losses),
        "worse": sum(not model["detection"] for _, model in pairs),
        "loud": sum(not model["budget"] for _, model in pairs),
        "models": len(pairs),
    }


def _held_out_cost(results: Sequence[Mapping[str, Any]], protocol: str) -> dict[str, Any]:
    """VUS-PR of the champion, and of the same fit without held-out rows."""
    pairs = [
        (result["models"][0]["vus_pr"][protocol], result["all_rows"][protocol])
        for result in results
        if result["models"]
    ]
    known = [pair for pair in pairs if np.isfinite(pair).all()]
    return {"held_out": fmean(pair[0] for pair in known), "all_rows": fmean(pair[1] for pair in known)}


def section(figures: Mapping[str, Any]) -> str:
    """The ranking first, then rejected models and the cost of held-out rows."""
    return "\n".join(
        [
            "## The promotion gate\n",
            _intro(figures),
            _tau_tables(figures),
            _conclusion(figures),
            "### Rejected models\n",
            _recipes(figures),
            "### The cost of held-out rows\n",
            _held_out(figures),
        ]
    )


def _intro(figures: Mapping[str, Any]) -> str:
    return (
        f"[learning.md](learning.md) describes the gate. Its self-test needs no labels. This section shows\n"
        f"whether the self-test ranks models as labels do. Each file has {figures['models']} models:\n"
        f"{len(RECIPES)} fits, good and bad, each with all terms and with two selections of terms. The\n"
        "measure is Kendall's tau between the AUC of the self-test and VUS-PR. *Sites* is the number of\n"
        "stretches of 32 rows in the held-out tenth that can receive faults; a day with a row a minute has\n"
        "177.\n"
    )


def _tau_tables(figures: Mapping[str, Any]) -> str:
    rows = [
        [
            file["file"],
            str(file["places"]),
            figure(file["champion"]),
            *(figure(file["tau"][protocol]) for protocol in _PROTOCOLS),
        ]
        for file in figures["files"]
    ]
    columns = ["file", "sites", "AUC of the champion", *(f"tau, {name}" for name in _PROTOCOLS.values())]
    means = [
        [
            f"mean tau, {name}, {words}",
            _interval(figures["tau"][protocol][which]),
            *target(*_reached(figures["tau"][protocol][which]["mean"])),
        ]
        for protocol, name in _PROTOCOLS.items()
        for which, words in (("all", "all files"), ("many", f"{_MANY_SITES} sites or more"))
    ]
    return f"{table(columns, rows)}\n{table(['', '95 % interval', 'result', 'wanted', ''], means)}"


def _reached(mean: float | None) -> tuple[float | None, bool, str]:
    return mean, mean is not None and mean >= _WANTED, f"≥ {figure(_WANTED, 1)}"


def _interval(tau: Mapping[str, Any]) -> str:
    if tau["interval"] is None:
        return "-"
    low, high = (figure(edge, 2) for edge in tau["interval"])
    return f"{low} to {high} ({tau['files']} files)"


def _conclusion(figures: Mapping[str, Any]) -> str:
    mean = figures["tau"]["test_rows"]["all"]["mean"]
    if mean is not None and mean >= _WANTED:
        return "The self-test can select the better of two models.\n"
    return (
        "Over all files this is not enough to select the better of two good models. The gate therefore only\n"
        "guards against regressions: it rejects a clearly worse model and prefers no model.\n"
    )


def _recipes(figures: Mapping[str, Any]) -> str:
    words = (
        f"The fits with all terms, compared with the champion of the same file: mean differences, and how\n"
        f"many fits the gate rejects because they detect worse (AUC lower by more than\n"
        f"{figure(figures['margin'], 2)}) or exceed the alarm budget on the held-out rows.\n"
    )
    rows = [
        [
            recipe["recipe"],
            f"{recipe['auc']:+.3f}",
            f"{recipe['vus_pr']:+.3f}",
            f"{recipe['worse']} of {recipe['models']}",
            f"{recipe['loud']} of {recipe['models']}",
        ]
        for recipe in figures["recipes"]
    ]
    columns = ["recipe", "AUC", "VUS-PR, test rows", "detects worse", "too many alarms"]
    return f"{words}\n{table(columns, rows)}"


def _held_out(figures: Mapping[str, Any]) -> str:
    rows = [
        [name, *(figure(figures["held_out"][protocol][which]) for which in ("all_rows", "held_out"))]
        for protocol, name in _PROTOCOLS.items()
    ]
    words = (
        "VUS-PR of the champion's recipe, mean of the files, with and without the newest tenth of the rows\n"
        "in training. Only the model in the gate has this cost; a promoted model is fitted again to all\n"
        "rows.\n"
    )
    return f"{words}\n{table(['', 'all rows', 'newest tenth held out'], rows)}"
