"""Jobs on one labelled file: the detector with something taken away."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import msgspec
import numpy as np

from tests.quality.runs import prepared, unheard, vus_pr
from tfstream.app.evaluation import fitted
from tfstream.core.reading import Values
from tfstream.model.config import DetectorConfig
from tfstream.model.detector import Detector, Measurement
from tfstream.model.terms import TERMS

FULL = "full"
_CLOSED = ("V", "P", "R")
_MEMORY = ("Mj", "Mx")

# Learnt anew without it.
SWITCHES: Mapping[str, str] = {
    "without the dual path": "dual_path",
    "without cross-domain retrieval": "cross_domain",
    "without the contrastive loss": "contrastive",
    "without stage averaging": "stage_average",
    "without the self-test": "self_test",
}

# Of the full fit, only these terms kept in the score.
KEPT: Mapping[str, Sequence[str]] = {
    "closed forms only (V, P, R)": _CLOSED,
    "network only": [name for name in TERMS if name not in _CLOSED],
    "V alone": ("V",),
    "without the memory (Mj, Mx)": [name for name in TERMS if name not in _MEMORY],
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


def full_runs(path: str, train_rows: int | None, seed: int) -> dict[str, dict[str, float]]:
    """VUS-PR of the full detector, and of its fit with fewer terms in the score."""
    labelled = prepared(path, train_rows)
    detector = Remembering(**vars(fitted(labelled, seed, DetectorConfig(), unheard)))
    found = {FULL: vus_pr(detector, labelled)}
    return found | {name: vus_pr(keeping(detector, terms), labelled) for name, terms in KEPT.items()}


def switched_run(path: str, train_rows: int | None, seed: int, switch: str) -> dict[str, float]:
    """VUS-PR of the detector that learnt, and scores, with a switch off."""
    labelled = prepared(path, train_rows)
    config = msgspec.structs.replace(DetectorConfig(), **{switch: False})
    return vus_pr(fitted(labelled, seed, config, unheard), labelled)


def keeping(detector: Remembering, terms: Sequence[str]) -> Remembering:
    """The same fit with the weight of every other term at 0."""
    kept = np.array([name in terms for name in TERMS])
    assert kept.sum() == len(terms), f"{terms} are not all terms of the detector: {TERMS}"
    weight = np.where(kept, detector.fusion.weight, 0.0)
    return replace(detector, fusion=detector.fusion._replace(weight=weight))
