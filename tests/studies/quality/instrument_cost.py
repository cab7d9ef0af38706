"""``python -m tests.studies.quality.instrument_cost``: what the checks of instruments cost for each row."""

from __future__ import annotations

import time

import numpy as np

from tfstream.core.instruments.instrument_monitor import InstrumentMonitor
from tfstream.core.instruments.learn_limits import learn_limits
from tfstream.core.reading import Series, Values

_SENSORS, _SWITCHES = 127, 10
_LEARNT_ROWS, _WATCHED_ROWS, _ROUND = 20_000, 4_096, 64
_INTERVAL_US = 1_000_000


def main() -> None:
    """Print the shortest time over many rounds, which other programs on the machine disturb least."""
    values = _readings(_LEARNT_ROWS + _WATCHED_ROWS)
    times_us = np.arange(len(values), dtype=np.int64) * _INTERVAL_US
    began = time.perf_counter()
    limits = learn_limits([Series("a", times_us[:_LEARNT_ROWS], values[:_LEARNT_ROWS])], _INTERVAL_US, 5)
    print(f"{_SENSORS} sensors, {_SWITCHES} of them switches; {len(limits.encode()):,} bytes of limits")
    print(f"learning: {time.perf_counter() - began:.2f} s for {_LEARNT_ROWS:,} rows")
    for hop in (8, 1):
        seconds, size = _watch(InstrumentMonitor(limits), values, hop)
        print(f"{hop} rows at once: {seconds * 1e6:.1f} µs a row; {size} bytes of state")


def _readings(rows: int) -> Values:
    rng = np.random.default_rng(0)
    values = rng.normal(size=(rows, _SENSORS)) + np.cumsum(rng.normal(size=(rows, _SENSORS)), axis=0) / 100
    positions = rng.integers(0, 2, size=(rows // 100 + 1, _SWITCHES))
    values[:, :_SWITCHES] = np.repeat(positions, 100, axis=0)[:rows]
    return values.astype(np.float32)


def _watch(monitor: InstrumentMonitor, values: Values, hop: int) -> tuple[float, int]:
    """The seconds for a row in the fastest round, and the bytes of the state."""
    state, fastest = monitor.initial_state(), np.inf
    for begin in range(_LEARNT_ROWS, len(values) - _ROUND, _ROUND):
        began = time.perf_counter()
        for stop in range(begin, begin + _ROUND, hop):
            state, _ = monitor.update(state, values[stop - 64 : stop], stop - 1, "a")
        fastest = min(fastest, (time.perf_counter() - began) / _ROUND)
    return float(fastest), len(state.encode(values[state.next_row - 1]))


if __name__ == "__main__":
    main()
