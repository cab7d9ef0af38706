"""Seeded signals that weather, demand and instruments are made of. Rows come first everywhere."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
DAY_MINUTES = 1440.0


@dataclass(frozen=True, slots=True)
class NoiseSource:
    """One independent generator per purpose: a longer run of one signal disturbs no other."""

    seed: int

    def generator(self, purpose: str) -> np.random.Generator:
        return np.random.default_rng([self.seed, zlib.crc32(purpose.encode())])

    def normal(self, purpose: str, shape: tuple[int, ...]) -> Floats:
        return self.generator(purpose).standard_normal(shape)

    def wander(self, purpose: str, shape: tuple[int, ...], memory_rows: float) -> Floats:
        """Noise ``[rows, …]`` of unit variance with a memory (an Ornstein-Uhlenbeck process)."""
        shocks = self.normal(purpose, shape)
        keep = np.exp(-1.0 / memory_rows)
        shocks[1:] *= np.sqrt(1.0 - keep * keep)
        for row in range(1, len(shocks)):
            shocks[row] += keep * shocks[row - 1]
        return shocks


def lag(signal: Floats, memory_rows: float) -> Floats:
    """A first-order lag along the rows, settled on the first row: heat, mixing, a slow instrument."""
    gain = 1.0 - np.exp(-1.0 / memory_rows)
    out = np.empty_like(signal)
    state = signal[0]
    for row, value in enumerate(signal):
        state = state + gain * (value - state)
        out[row] = state
    return out


def hump(minute: Floats, at: float, width: float) -> Floats:
    """A daily hump of height one around a minute of the day."""
    away = (minute - at + DAY_MINUTES / 2) % DAY_MINUTES - DAY_MINUTES / 2
    return np.exp(-0.5 * (away / width) ** 2)
