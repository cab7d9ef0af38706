"""Four simulated sensors: two that move, a pure noise, and a switch."""

from __future__ import annotations

from functools import cache

import numpy as np

from tfstream.core.instruments.instrument_finding import InstrumentFinding
from tfstream.core.instruments.instrument_limits import InstrumentLimits
from tfstream.core.instruments.instrument_monitor import InstrumentMonitor
from tfstream.core.instruments.learn_limits import learn_limits
from tfstream.core.reading import Series, Values

INTERVAL_US = 60_000_000
ROWS = 6000
STALENESS_ROWS = 5


def normal_rows(rows: int, seed: int) -> Values:
    """``[rows, 4]``: levels that swing within an hour and within a day, noise around 50, and a switch."""
    rng = np.random.default_rng(seed)
    row = np.arange(rows)
    hourly = 10 + 2 * np.sin(row / 10) + rng.normal(0, 0.2, rows)
    daily = 50 + 5 * np.sin(row / 230) + rng.normal(0, 0.3, rows)
    noise = 50 + rng.normal(0, 1, rows)
    switch = (row // 97) % 2
    return np.stack([hourly, daily, noise, switch], axis=1).astype(np.float32)


def series(values: Values, asset: str = "a", first_row: int = 0) -> Series:
    """The rows as a series on the grid."""
    return Series(asset, (first_row + np.arange(len(values), dtype=np.int64)) * INTERVAL_US, values)


@cache
def learn() -> InstrumentLimits:
    """The limits of normal rows."""
    return learn_limits([series(normal_rows(ROWS, seed=1))], INTERVAL_US, STALENESS_ROWS)


def watch(
    monitor: InstrumentMonitor, values: Values, asset: str = "a", hop: int = 8
) -> list[InstrumentFinding]:
    """The findings of all windows of 64 rows, one every ``hop`` rows; the first row has the number 0."""
    state = monitor.initial_state()
    findings: list[InstrumentFinding] = []
    for stop in range(64, len(values) + 1, hop):
        state, found = monitor.update(state, values[stop - 64 : stop], stop - 1, asset)
        findings += found
    return findings
