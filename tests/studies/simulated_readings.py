"""Simulated correlated readings of any length and any number of sensors, from a seed."""

from __future__ import annotations

import numpy as np

from tfstream.core.reading import Series, Values

SECOND_US = 1_000_000
_SOURCES = 8
_NOISE = 0.1
_CHUNK = 65_536  # rows made at once, so that memory stays near the size of the data


def readings(rows: int, channels: int, seed: int = 0) -> Values:
    """``[rows, channels]``: mixtures of eight oscillations that drift in phase, with noise.

    The plant is always the same; ``seed`` decides phases and noise.
    """
    plant, rng = np.random.default_rng(99), np.random.default_rng(seed)
    period = np.exp(plant.uniform(np.log(15), np.log(600), _SOURCES))
    mixing = plant.normal(size=(_SOURCES, channels))
    values = np.empty((rows, channels), dtype=np.float32)
    phase = np.zeros(_SOURCES)
    for at in range(0, rows, _CHUNK):
        part = values[at : at + _CHUNK]
        steps = 2 * np.pi / period + 0.02 * rng.normal(size=(len(part), _SOURCES))
        phases = phase + np.cumsum(steps, axis=0)
        phase = phases[-1]
        part[:] = np.sin(phases) @ mixing
        part += _NOISE * rng.standard_normal(part.shape, dtype=np.float32)
    return values


def series(values: Values, asset: str = "x") -> Series:
    """The values as the series of one asset, one reading a second."""
    return Series(asset, np.arange(len(values), dtype=np.int64) * SECOND_US, values)


def names(channels: int) -> tuple[str, ...]:
    """The names of the sensors."""
    return tuple(f"s{i}" for i in range(channels))
