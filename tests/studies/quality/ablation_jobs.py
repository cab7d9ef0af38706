"""Jobs of the part ``ablation``, each on one labelled file: the detector with and without its ideas."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from tests.studies.quality.runs import built_in, ignore_progress, prepared, vus_pr, vus_pr_of
from tfstream.app.evaluation.detector_run import fit_detector, measure_detector
from tfstream.core.reading import Values
from tfstream.model.detector_config import DetectorConfig
from tfstream.model.scoring.detector import Detector, Measurement
from tfstream.model.scoring.terms import TERMS, prior_weights

FULL = "full"
_CLOSED = ("V", "P", "R")

Weights = NDArray[np.float64]

# Switches of the configuration: the detector is trained without the idea.
SWITCHES: Mapping[str, str] = {
    "without the dual path": "dual_path",
    "without the contrastive loss": "contrastive",
    "without stage averaging": "stage_average",
}


def _only(terms: Iterable[str]) -> Callable[[Weights], Weights]:
    """Keep the weights of these terms; all others become 0."""
    names = set(terms)
    is_kept = np.array([name in names for name in TERMS])
    return lambda weight: np.where(is_kept, weight, 0.0)


def _without(*terms: str) -> Callable[[Weights], Weights]:
    assert set(terms) <= set(TERMS), f"{terms} are not all terms of the detector: {TERMS}"
    return _only(name for name in TERMS if name not in terms)


# Other weights of the full fit: these ideas have no part in training.
REWEIGHED: Mapping[str, Callable[[Weights], Weights]] = {
    "without cross-domain retrieval (X, Mx)": _without("X", "Mx"),
    "without the memory (Mj, Mx)": _without("Mj", "Mx"),
    "without consistency (N)": _without("N"),
    "without the network's errors (T, F, X)": _without("T", "F", "X"),
    "without the self-test": lambda weight: np.array(prior_weights(DetectorConfig())),
    "closed forms only (V, P, R)": _only(_CLOSED),
    "network only": _without(*_CLOSED),
    "V alone": _only(["V"]),
}


@dataclass(frozen=True, kw_only=True)
class CachingDetector(Detector):
    """A detector that measures each window once: other weights change only the sum of the terms."""

    measured: dict[str, Measurement] = field(default_factory=dict)

    def measure(self, windows: Values, assets: Sequence[str]) -> Measurement:
        key = hashlib.sha256(np.ascontiguousarray(windows).tobytes()).hexdigest()
        if key not in self.measured:
            self.measured[key] = super().measure(windows, assets)
        return self.measured[key]


def full_run(path: str, train_rows: int | None, seed: int) -> dict[str, Any]:
    """An ``EvaluationRun`` of the full detector, and VUS-PR of its fit with other weights."""
    began = time.monotonic()
    labelled = prepared(path, train_rows)
    detector = CachingDetector(**vars(fit_detector(labelled, seed, DetectorConfig(), ignore_progress)))
    run, _ = measure_detector(labelled, detector, seed, began)
    rows = {name: vus_pr(reweighed(detector, change), labelled) for name, change in REWEIGHED.items()}
    return {"run": built_in(run), "rows": {FULL: vus_pr_of(run), **rows}}


def switched_run(path: str, train_rows: int | None, seed: int, switch: str) -> dict[str, float]:
    """VUS-PR of a detector that is trained, and scores, with a switch off."""
    labelled = prepared(path, train_rows)
    config = msgspec.structs.replace(DetectorConfig(), **{switch: False})
    return vus_pr(fit_detector(labelled, seed, config, ignore_progress), labelled)


def reweighed(detector: CachingDetector, change: Callable[[Weights], Weights]) -> CachingDetector:
    """The same fit with other weights of the terms."""
    return replace(detector, fusion=detector.fusion._replace(weight=change(detector.fusion.weight)))
