"""Faults of one sensor in many kinds and sizes, for the part ``attribution``."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

SIZES = (1.0, 2.0, 4.0)  # in units of the sensor's deviation in training
_SHORTEST, _LONGEST = 8, 128
_VISIBLE = 0.5  # root mean square of the change over the fault's rows, in deviations

Signal = NDArray[np.float64]
_MakeFault = Callable[[Signal, int, int, float, np.random.Generator], Signal]


class SingleFault(NamedTuple):
    """Rows ``first`` to ``stop`` of ``sensor`` become ``values``. ``period`` in rows, of an oscillation."""

    kind: str
    sensor: int
    first: int
    stop: int
    size: float
    values: Signal
    period: float | None = None


def _shift(clean: Signal, first: int, stop: int, size: float, rng: np.random.Generator) -> Signal:
    return clean[first:stop] + size


def _drift(clean: Signal, first: int, stop: int, size: float, rng: np.random.Generator) -> Signal:
    return clean[first:stop] + np.linspace(0, size, stop - first)


def _stuck(clean: Signal, first: int, stop: int, size: float, rng: np.random.Generator) -> Signal:
    return np.full(stop - first, clean[first])


def _noise(clean: Signal, first: int, stop: int, size: float, rng: np.random.Generator) -> Signal:
    return clean[first:stop] + size * rng.normal(size=stop - first)


def _gain(clean: Signal, first: int, stop: int, size: float, rng: np.random.Generator) -> Signal:
    return clean[first:stop] * (1 + size)


def _spike(clean: Signal, first: int, stop: int, size: float, rng: np.random.Generator) -> Signal:
    wrong = clean[first:stop].copy()
    wrong[rng.integers(stop - first)] += 4 * size
    return wrong


def _lag(clean: Signal, first: int, stop: int, size: float, rng: np.random.Generator) -> Signal:
    back = int(rng.integers(4, 33))
    return clean[first - back : stop - back].copy()


def _faster(clean: Signal, first: int, stop: int, size: float, rng: np.random.Generator) -> Signal:
    """The sensor's own recent values at twice the speed."""
    return clean[first - (stop - first) : stop : 2].copy()


KINDS: dict[str, _MakeFault] = {
    "shift": _shift,
    "drift": _drift,
    "stuck": _stuck,
    "noise": _noise,
    "gain": _gain,
    "spike": _spike,
    "lag": _lag,
    "faster": _faster,
}
OSCILLATION = "oscillation"
NAMES = (*KINDS, OSCILLATION)


def length(rng: np.random.Generator) -> int:
    """A random number of rows, uniform in its logarithm."""
    return round(float(_SHORTEST * (_LONGEST / _SHORTEST) ** rng.random()))


def make(
    kind: str, values: NDArray[np.float64], first: int, stop: int, size: float, rng: np.random.Generator
) -> SingleFault | None:
    """A visible fault of this kind in rows ``first`` to ``stop`` of ``values [rows, sensors]``.

    Values are in standard units. None when the fault is visible in no sensor: a constant sensor cannot be
    stuck, for example.
    """
    for sensor in rng.permutation(values.shape[1]).tolist():
        clean = values[:, sensor]
        signed = float(rng.choice((-1.0, 1.0)) * size)
        period = float(np.exp(rng.uniform(np.log(2.2), np.log(12)))) if kind == OSCILLATION else None
        if period is None:
            wrong = KINDS[kind](clean, first, stop, signed, rng)
        else:
            turns = np.arange(stop - first) / period + rng.random()
            wrong = clean[first:stop] + signed * np.sin(2 * np.pi * turns)
        change = wrong - clean[first:stop]
        if kind == "spike" or float(np.sqrt((change**2).mean())) >= _VISIBLE:  # NaN is not
            return SingleFault(kind, sensor, first, stop, size, wrong, period)
    return None
