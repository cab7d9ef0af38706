"""Jobs on one labelled file: the detector as it is, and with something taken away."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from tests.studies.quality.runs import built_in, prepared, unheard, vus_pr, vus_pr_of
from tfstream.app.evaluation.evaluate import fitted, judged
from tfstream.core.reading import Values
from tfstream.model.detector_config import DetectorConfig
from tfstream.model.scoring.detector import Detector, Measurement
from tfstream.model.scoring.terms import TERMS, prior_weights

FULL = "full"
_CLOSED = ("V", "P", "R")

Weights = NDArray[np.float64]

# Learnt anew without it.
SWITCHES: Mapping[str, str] = {
    "without the dual path": "dual_path",
    "without the contrastive loss": "contrastive",
    "without stage averaging": "stage_average",
}


def _kept(terms: Iterable[str]) -> Callable[[Weights], Weights]:
    """The weights of these terms, and 0 for every other one."""
    names = set(terms)
    kept = np.array([name in names for name in TERMS])
    return lambda weight: np.where(kept, weight, 0.0)


def _all_but(*terms: str) -> Callable[[Weights], Weights]:
    assert set(terms) <= set(TERMS), f"{terms} are not all terms of the detector: {TERMS}"
    return _kept(name for name in TERMS if name not in terms)


# Of the full fit, with other weights: what these take away has no part in learning.
REWEIGHED: Mapping[str, Callable[[Weights], Weights]] = {
    "without cross-domain retrieval (X, Mx)": _all_but("X", "Mx"),
    "without the memory (Mj, Mx)": _all_but("Mj", "Mx"),
    "without consistency (N)": _all_but("N"),
    "without the network's errors (T, F, X)": _all_but("T", "F", "X"),
    "without the self-test": lambda weight: np.array(prior_weights(DetectorConfig())),
    "closed forms only (V, P, R)": _kept(_CLOSED),
    "network only": _all_but(*_CLOSED),
    "V alone": _kept(["V"]),
}


@dataclass(frozen=True, kw_only=True)
class Remembering(Detector):
    """A detector that measures the same windows once: other weights change nothing before the sum."""

    seen: dict[str, Measurement] = field(default_factory=dict)

    def measure(self, windows: Values, assets: Sequence[str]) -> Measurement:
        key = hashlib.sha256(np.ascontiguousarray(windows).tobytes()).hexdigest()
        if key not in self.seen:
            self.seen[key] = super().measure(windows, assets)
        return self.seen[key]


def full_run(path: str, train_rows: int | None, seed: int) -> dict[str, Any]:
    """A ``Run`` of the full detector, and VUS-PR of its fit with other weights."""
    began = time.monotonic()
    labelled = prepared(path, train_rows)
    detector = Remembering(**vars(fitted(labelled, seed, DetectorConfig(), unheard)))
    run, _ = judged(labelled, detector, seed, began)
    rows = {name: vus_pr(reweighed(detector, change), labelled) for name, change in REWEIGHED.items()}
    return {"run": built_in(run), "rows": {FULL: vus_pr_of(run), **rows}}


def switched_run(path: str, train_rows: int | None, seed: int, switch: str) -> dict[str, float]:
    """VUS-PR of the detector that learnt, and scores, with a switch off."""
    labelled = prepared(path, train_rows)
    config = msgspec.structs.replace(DetectorConfig(), **{switch: False})
    return vus_pr(fitted(labelled, seed, config, unheard), labelled)


def reweighed(detector: Remembering, change: Callable[[Weights], Weights]) -> Remembering:
    """The same fit with other weights of its terms."""
    return replace(detector, fusion=detector.fusion._replace(weight=change(detector.fusion.weight)))
