"""A small plant round a working point, and the witnesses fitted to it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tfstream.core.reading import Series, Values
from tfstream.core.scaler import Scaler
from tfstream.model.fitting.witness_fit import fit_witnesses
from tfstream.model.witnesses.advance import AdvancedAssets, NewRows, advance
from tfstream.model.witnesses.pyramid import COMPARED, GRID_ROWS
from tfstream.model.witnesses.witness_model import WitnessModel
from tfstream.model.witnesses.witness_state import StoredState

SENSORS = 6
INTERVAL_US = 1_000_000
LEARNT_ROWS = 8_000  # enough for two grids


class FittedWitnesses(NamedTuple):
    model: WitnessModel
    scaler: Scaler

    def advance(self, *batch: NewRows) -> AdvancedAssets:
        return advance(self.model.grids, self.scaler, batch)


class Followed(NamedTuple):
    """An asset's state at the end, and by grid ``ends [n]`` and ``values [n, statistics]``."""

    state: bytes
    grids: list[tuple[NDArray[np.int64], NDArray[np.float64]]]


def steady_plant(rows: int, seed: int = 0) -> Values:
    """``[rows, SENSORS]``: two loads that fluctuate, seen by all sensors, with noise, in own units."""
    rng = np.random.default_rng(seed)
    loads = np.zeros((rows, 2))
    for row in range(1, rows):
        loads[row] = 0.9 * loads[row - 1] + rng.normal(size=2)
    mixing = np.random.default_rng(99).normal(size=(2, SENSORS))
    values = loads @ mixing + 0.3 * rng.normal(size=(rows, SENSORS))
    own: Values = (100.0 + values * np.arange(1, SENSORS + 1)).astype(np.float32)
    return own


def fit_to(values: Values) -> FittedWitnesses:
    series = [Series("x", np.arange(len(values)) * INTERVAL_US, values)]
    scaler = Scaler.fit(series)
    return FittedWitnesses(fit_witnesses(series, scaler, INTERVAL_US), scaler)


def follow(
    fitted: FittedWitnesses,
    values: Values,
    sizes: Sequence[int] = (),
    *,
    first: int = 0,
    state: StoredState | None = None,
) -> Followed:
    """Follow an asset from row ``first`` on, in batches of ``sizes`` rows, then of all that remain."""
    grids: list[list[tuple[NDArray[np.int64], NDArray[np.float64]]]] = [[] for _ in GRID_ROWS]
    at = 0
    for size in [*sizes, len(values)]:
        some = values[at : at + size]
        if not len(some):
            break
        at += len(some)
        advanced = fitted.advance(NewRows("x", state, some, first + at - 1))
        state = StoredState(advanced.states.encode()[0], same_model=True)
        for level, grid in enumerate(advanced.grids):
            grids[level].append((grid.entered.ends, grid.values[:, :COMPARED]))
    assert state is not None
    joined = [
        (np.concatenate([ends for ends, _ in parts]), np.concatenate([values for _, values in parts]))
        for parts in grids
        if parts
    ]
    return Followed(state.data, joined)
