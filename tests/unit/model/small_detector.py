"""Small synthetic plants, and detectors with little training on them."""

from __future__ import annotations

import numpy as np

from tfstream.app.detection.score_batch import ScoringInput, SmoothedTerms
from tfstream.core.reading import Series, Values
from tfstream.core.windowing.asset_track import Window
from tfstream.model.detector_config import DetectorConfig
from tfstream.model.fitting.fit import fit
from tfstream.model.scoring.detector import Detector

CHANNELS = 6
SENSORS = tuple(f"s{i}" for i in range(CHANNELS))
SECOND = 1_000_000
QUICK = DetectorConfig(steps=60)


def plant(rows: int, seed: int = 0, channels: int = CHANNELS) -> Values:
    """Correlated oscillations with noise."""
    rng = np.random.default_rng(seed)
    time = np.arange(rows)[:, None]
    sources = np.concatenate([np.sin(time / 7), np.sin(time / 23 + 1), np.cos(time / 3)], axis=1)
    mixing = np.random.default_rng(99).normal(size=(3, channels))
    return (sources @ mixing + 0.1 * rng.normal(size=(rows, channels))).astype(np.float32)


def series(values: Values, asset: str = "x") -> Series:
    return Series(asset, np.arange(len(values)) * SECOND, values)


def fitted(values: Values, config: DetectorConfig = QUICK, seed: int = 0) -> Detector:
    names = tuple(f"s{i}" for i in range(values.shape[1]))
    return fit([series(values)], names, SECOND, config, seed, lambda stage, done: None)


def windows(values: Values) -> Values:
    ends = range(64, len(values) + 1, 8)
    return np.stack([values[end - 64 : end] for end in ends])


def scored(detector: Detector, batch: Values) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Every window by itself, after none."""
    measured = detector.measure(batch, ["x"] * len(batch))
    return detector.fuse(measured.terms.astype(np.float64), measured)


def candidates(batch: Values, before: SmoothedTerms | None, first: int = 0) -> list[ScoringInput]:
    """Consecutive windows of an asset; the first ends with row 63."""
    ends = range(63 + 8 * first, 63 + 8 * (first + len(batch)), 8)
    return [
        ScoringInput(0, "x", Window(end, values, 0, 0), before if i == 0 else None)
        for i, (end, values) in enumerate(zip(ends, batch, strict=True))
    ]
