"""A small plant whose sensors follow the hour: it works by day and rests at night and at the weekend."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tfstream.core.reading import Series, Values
from tfstream.core.scaler import Scaler
from tfstream.model.fitting.witness_fit import fit_witnesses
from tfstream.model.witnesses.advance import NewRows, advance
from tfstream.model.witnesses.witness_model import WitnessModel
from tfstream.model.witnesses.witness_state import StoredState

INTERVAL_US = 600_000_000
DAY = 144  # rows
MONDAY = 4 * DAY + 52 * 7 * DAY  # 4 January 1971, 00:00 UTC
SENSORS = 4


def weekly_plant(days: int, seed: int = 0, *, season: bool = True, first_day: int = 0) -> Values:
    """``[days * DAY, SENSORS]`` from a Monday on, or from a later day of that week."""
    rng = np.random.default_rng(seed)
    rows = np.arange(first_day * DAY, (first_day + days) * DAY)
    works = (rows % DAY >= 36) & (rows % DAY < 132) & (rows // DAY % 7 < 5)
    load = np.where(works, 1.0, 0.2) if season else np.full(len(rows), 0.6)
    noise = np.empty((len(rows), SENSORS))
    level = np.zeros(SENSORS)
    for row, step in enumerate(rng.normal(size=noise.shape)):
        noise[row] = level = 0.8 * level + 0.6 * step
    gains = np.array([10.0, -4.0, 2.0, 7.0])
    values: Values = (50 + load[:, None] * gains + 0.1 * np.abs(gains) * noise).astype(np.float32)
    return values


def plant_series(values: Values, first_row: int = MONDAY, asset: str = "a") -> Series:
    return Series(asset, (first_row + np.arange(len(values), dtype=np.int64)) * INTERVAL_US, values)


def learn(*series: Series, time_zone: str = "UTC") -> tuple[WitnessModel, Scaler]:
    scaler = Scaler.fit(series)
    return fit_witnesses(series, scaler, INTERVAL_US, time_zone), scaler


class WatchedRows(NamedTuple):
    """What the grid that has the season computed: of rows ``ends [n]`` of the stream."""

    ends: NDArray[np.int64]
    values: NDArray[np.float64]
    compared: tuple[Values, ...]
    shown: tuple[Values, ...]


def watch(model: WitnessModel, scaler: Scaler, series: Series, batch_rows: int | None = None) -> WatchedRows:
    """Advance an asset by all rows of a series."""
    assert model.season is not None
    level, state, parts = model.season.place.level, None, []
    first = int(series.times_us[0]) // INTERVAL_US
    size = batch_rows or len(series.values)
    for at in range(0, len(series.values), size):
        values = series.values[at : at + size]
        new = NewRows(series.asset, state, values, first + at + len(values) - 1)
        advanced = advance(model.grids, scaler, [new])
        state = StoredState(advanced.states.encode()[0], same_model=True)
        parts += [advanced.grids[level]] if level < len(advanced.grids) else []
    return WatchedRows(
        np.concatenate([part.entered.ends for part in parts]),
        np.concatenate([part.values for part in parts]),
        tuple(np.concatenate(rows) for rows in zip(*[part.compared for part in parts], strict=True)),
        tuple(np.concatenate(rows) for rows in zip(*[part.shown for part in parts], strict=True)),
    )
