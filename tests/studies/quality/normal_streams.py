"""Simulated and real streams without an anomaly, a row a minute, for counting false alarms."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tfstream.app.files.sensor_table import read_labelled, read_table
from tfstream.core.reading import Values
from tfstream.demo.plant.water_plant import WaterPlant

Floats = NDArray[np.float64]

WEEK_ROWS = 7 * 24 * 60
DAY_ROWS = 24 * 60
TEST_WEEKS = 8
TRAIN_WEEKS = (4, 4, 4, 12)  # of the streams of a simulated family; each stream has its own seed
WATER_STREAMS = 2  # simulating their hydraulics is slow
_LEAST_REAL_ROWS = 2500


class NormalStream(NamedTuple):
    """``values [rows, sensors]`` without an anomaly; the first ``train_rows`` are the training rows."""

    name: str
    values: Values
    train_rows: int


class NormalStreamRecipe(NamedTuple):
    """How to make a stream: small enough to send to another process, which makes the values."""

    name: str
    make: Callable[..., Floats | Values]
    arguments: tuple[object, ...]
    train_share: float

    def stream(self) -> NormalStream:
        values = np.ascontiguousarray(self.make(*self.arguments), dtype=np.float32)
        return NormalStream(self.name, values, int(self.train_share * len(values)))


def recipes(data: Path | None) -> list[NormalStreamRecipe]:
    """Streams of every simulated family, and the rows of the real series before their first label."""
    simulated = [
        _simulated(make, index, seed)
        for index, make in enumerate((cycles, regimes, heavy, bursts, plant))
        for seed in range(len(TRAIN_WEEKS))
    ]
    simulated += [_simulated(water, len(simulated), seed) for seed in range(WATER_STREAMS)]
    return simulated + (list(_real(data)) if data else [])


def _simulated(
    make: Callable[[np.random.SeedSequence, int], Floats | Values], family: int, seed: int
) -> NormalStreamRecipe:
    weeks = TRAIN_WEEKS[seed] + TEST_WEEKS
    arguments = np.random.SeedSequence([family, seed]), weeks * WEEK_ROWS
    return NormalStreamRecipe(f"{make.__name__} {seed}", make, arguments, TRAIN_WEEKS[seed] / weeks)


def cycles(seed: np.random.SeedSequence, rows: int) -> Floats:
    """Four sensors, each with its own daily cycle and noise that is correlated over some minutes."""
    rng = np.random.default_rng(seed)
    time = np.arange(rows)[:, None] / DAY_ROWS
    phase, size = rng.uniform(0, 1, 4), rng.uniform(0.5, 2.0, 4)
    wave = np.sin(2 * np.pi * (time + phase)) + 0.3 * np.sin(4 * np.pi * (time + 2 * phase))
    return size * wave + 0.5 * autoregressive(rng.normal(size=(rows, 4)), rng.uniform(0.6, 0.95, 4))


def regimes(seed: np.random.SeedSequence, rows: int) -> Floats:
    """Four sensors of a machine that changes between three operating modes every few hours."""
    rng = np.random.default_rng(seed)
    state = np.cumsum(rng.random(rows) < 1 / 240) * rng.integers(1, 3) % 3  # [rows]
    level, noise = rng.normal(0, 2.0, (3, 4)), rng.uniform(0.2, 0.6, (3, 4))
    settled = approached(level[state], 0.8)
    return settled + noise[state] * autoregressive(rng.normal(size=(rows, 4)), np.full(4, 0.5))


def heavy(seed: np.random.SeedSequence, rows: int) -> Floats:
    """Three sensors with heavy-tailed noise: Student's t with four degrees of freedom."""
    rng = np.random.default_rng(seed)
    return autoregressive(rng.standard_t(4, (rows, 3)), rng.uniform(0.5, 0.95, 3))


def bursts(seed: np.random.SeedSequence, rows: int) -> Floats:
    """Three sensors whose noise is small for hours and large for hours."""
    rng = np.random.default_rng(seed)
    loudness = np.exp(0.5 * autoregressive(rng.normal(size=(rows, 1)), np.array([0.995])))
    return autoregressive(loudness * rng.normal(size=(rows, 3)), rng.uniform(0.5, 0.95, 3))


def plant(seed: np.random.SeedSequence, rows: int) -> Floats:
    """Eight sensors that measure three hidden quantities, some with a delay."""
    rng = np.random.default_rng(seed)
    hidden = autoregressive(rng.normal(size=(rows, 3)), np.array([0.9, 0.98, 0.995]))
    shown = hidden @ rng.normal(size=(3, 8))
    for sensor, delay in enumerate(rng.integers(0, 12, 8)):
        shown[:, sensor] = np.roll(shown[:, sensor], delay)
    return shown + 0.2 * rng.normal(size=(rows, 8))


def water(seed: np.random.SeedSequence, rows: int) -> Values:
    """A waterworks of the demo's plant."""
    return WaterPlant(seed=int(seed.generate_state(1)[0]), assets=1).simulate(rows, 0)[0].values


def autoregressive(shocks: Floats, keep: Floats) -> Floats:
    """Autoregressive noise of unit variance from shocks ``[rows, n]`` of unit variance; ``keep [n]`` is the
    share that remains from row to row."""
    out = shocks * np.sqrt(1 - keep * keep)
    out[0] = shocks[0]
    for row in range(1, len(out)):
        out[row] += keep * out[row - 1]
    return out


def approached(target: Floats, keep: float) -> Floats:
    """A level that approaches its target by ``1 - keep`` of the distance in each row."""
    out = target.copy()
    for row in range(1, len(out)):
        out[row] += keep * (out[row - 1] - out[row])
    return out


def _real(data: Path) -> Iterator[NormalStreamRecipe]:
    """Half of the rows for training, half for counting; each row counts as a minute."""
    yield NormalStreamRecipe("skab normal", _unlabelled, (data / "skab" / "normal.csv",), 0.5)
    for folder in ("asd", "msl"):
        for path in sorted((data / folder).glob("*.parquet")):
            if _first_label(path) >= _LEAST_REAL_ROWS:
                yield NormalStreamRecipe(
                    f"{folder} {path.name.split('.')[0]}", _before_the_first_label, (path,), 0.5
                )


def _unlabelled(path: Path) -> Values:
    return read_table(path).values


def _before_the_first_label(path: Path) -> Values:
    return read_table(path, rows=_first_label(path)).values


def _first_label(path: Path) -> int:
    return int(np.argmax(read_labelled(path, label_column="label")[1]))
