"""Seeded signals for weather, demand and instruments. The first axis of every array is the rows."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
DAY_MINUTES = 1440.0


@dataclass(frozen=True, slots=True)
class NoiseSource:
    """An independent random generator for each purpose, so that the length of a signal affects no other."""

    seed: int

    def generator(self, purpose: str) -> np.random.Generator:
        """Return a new generator that depends on the seed and the purpose only."""
        return np.random.default_rng([self.seed, zlib.crc32(purpose.encode())])

    def normal(self, purpose: str, shape: tuple[int, ...]) -> Floats:
        """Return independent standard normal numbers."""
        return self.generator(purpose).standard_normal(shape)

    def correlated(self, purpose: str, shape: tuple[int, ...], memory_rows: float) -> Floats:
        """Return noise ``[rows, …]`` of unit variance, correlated over time (Ornstein-Uhlenbeck process).

        :param memory_rows: after this number of rows the correlation has fallen to 1/e.
        """
        noise = self.normal(purpose, shape)
        keep = np.exp(-1.0 / memory_rows)
        noise[1:] *= np.sqrt(1.0 - keep * keep)
        for row in range(1, len(noise)):
            noise[row] += keep * noise[row - 1]
        return noise


def first_order_lag(signal: Floats, memory_rows: float) -> Floats:
    """Return the signal ``[rows, …]`` after a first-order lag: heating, mixing, a slow instrument.

    It starts settled on the first row. ``memory_rows`` is the time constant.
    """
    gain = 1.0 - np.exp(-1.0 / memory_rows)
    lagged = np.empty_like(signal)
    state = signal[0]
    for row, value in enumerate(signal):
        state = state + gain * (value - state)
        lagged[row] = state
    return lagged


def daily_peak(minute: Floats, peak_minute: float, width: float) -> Floats:
    """Return a Gaussian peak of height 1 at a minute of each day; ``width`` is its deviation in minutes."""
    distance = (minute - peak_minute + DAY_MINUTES / 2) % DAY_MINUTES - DAY_MINUTES / 2
    return np.exp(-0.5 * (distance / width) ** 2)
