"""Assets whose sensors mix the same loads, each asset in its own way, and the witnesses fitted to them."""

from __future__ import annotations

from zlib import crc32

import numpy as np

from tests.unit.model.witnesses.steady_plant import INTERVAL_US, SENSORS, FittedWitnesses
from tfstream.core.reading import Series, Values
from tfstream.core.scaler import Scaler
from tfstream.model.fitting.witness_fit import fit_witnesses

LOADS = 2
ROWS = 6_000


def mixed_plant(asset: str, rows: int = ROWS, seed: int = 0, *, alike: int = 0) -> Values:
    """``[rows, SENSORS]`` of an asset; the first ``alike`` sensors mix the loads as in all other assets."""
    rng = np.random.default_rng([seed, crc32(asset.encode())])
    loads = np.zeros((rows, LOADS))
    for row in range(1, rows):
        loads[row] = 0.9 * loads[row - 1] + rng.normal(size=LOADS)
    mixing = np.random.default_rng(7).normal(size=(LOADS, SENSORS))
    own = np.random.default_rng(crc32(asset.encode())).normal(size=(LOADS, SENSORS))
    mixing[:, alike:] = own[:, alike:]
    values: Values = (loads @ mixing + 0.1 * rng.normal(size=(rows, SENSORS))).astype(np.float32)
    return values


def mixed_series(*assets: str, rows: int = ROWS, alike: int = 0) -> list[Series]:
    times_us = np.arange(rows) * INTERVAL_US
    return [Series(asset, times_us, mixed_plant(asset, rows, alike=alike)) for asset in assets]


def fit_to_mixed(*assets: str, alike: int = 0) -> FittedWitnesses:
    series = mixed_series(*assets, alike=alike)
    scaler = Scaler.fit(series)
    return FittedWitnesses(fit_witnesses(series, scaler, INTERVAL_US), scaler)
