"""Simulated normal scores with autocorrelation: many sequences for the calibration alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from tests.studies.quality.normal_streams import autoregressive
from tfstream.core.alarms.calibration import ScoredRun

Scores = NDArray[np.float64]

CALIBRATION_WEEKS = (0.25, 1.0, 3.0)
REPLICAS = 8
_HOPS_PER_WEEK, _HOP_ROWS = 1260, 8
_TEST_WEEKS = 8
_PIECE, _EVERY = 57, 5  # held-out scores are pieces: one piece of every five
_KEEP = 0.6  # correlation of noise from hop to hop, as after the detector's smoothing


def cases() -> Iterator[tuple[str, float, int]]:
    """Kind of scores, weeks of calibration scores, seed."""
    for weeks in CALIBRATION_WEEKS:
        for kind in KINDS:
            for seed in range(REPLICAS):
                yield kind, weeks, seed


def draw(kind: str, seed: int, hops: int) -> tuple[list[ScoredRun], Scores]:
    """About ``hops`` held-out scores in pieces, as in a fit, and eight weeks of scores after them."""
    span = _PIECE * _EVERY
    pieces = max(round(hops / _PIECE), 1)
    rng = np.random.default_rng([sorted(KINDS).index(kind), seed])
    shocks = rng.normal(size=(pieces * span + _TEST_WEEKS * _HOPS_PER_WEEK, 2))
    scores = KINDS[kind](autoregressive(shocks, np.array([_KEEP, 0.99])))
    starts = 2 * _PIECE + span * np.arange(pieces)
    held = [
        ScoredRun("asset", (start + np.arange(_PIECE)) * _HOP_ROWS, scores[start : start + _PIECE])
        for start in starts.tolist()
    ]
    return held, scores[pieces * span :]


def _daily(noise: Scores) -> Scores:
    return np.exp(0.3 * noise[:, 0]) * (1 + 0.3 * np.sin(2 * np.pi * np.arange(len(noise)) / 180))


# Each from fast and slow noise of unit variance, [hops, 2].
KINDS: Mapping[str, Callable[[Scores], Scores]] = MappingProxyType(
    {
        "light": lambda noise: noise[:, 0],
        "exponential": lambda noise: np.log1p(np.exp(2 * noise[:, 0])),
        "heavy": lambda noise: np.exp(0.5 * noise[:, 0]),
        "daily": _daily,
        "wandering": lambda noise: noise[:, 0] + noise[:, 1],
    }
)
