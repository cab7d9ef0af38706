"""A plant as a new user would simulate it: loops of valve, flow and level, two days to learn from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tests.studies.quality.alarms.cases import AlarmCase, CaseRun, LabelledFault
from tests.studies.quality.alarms.labelled_tables import START_US, definition, part_of
from tests.studies.quality.normal_streams import autoregressive
from tfstream.core.reading import Series
from tfstream.core.stream import MICROSECONDS

_INTERVAL_US = 60 * MICROSECONDS
_DAY_ROWS, _LEARN_DAYS, _SCORED_DAYS = 1440, 2, 2
_ASSETS, _LOOPS = 6, 6
_SIGNALS = ("valve", "flow", "pressure_in", "pressure_out", "level", "temperature", "current", "vibration")
_QUALITIES = ("ph", "conductivity")
SENSORS = tuple(f"loop{loop + 1}_{name}" for loop in range(_LOOPS) for name in (*_SIGNALS, *_QUALITIES))
_NOISE = 0.12  # of a sensor's own, in units of its deviation without noise

Floats = NDArray[np.float64]


class _NewFault(NamedTuple):
    """A fault of ``hours`` from ``start_hour`` of the scored days on; ``size`` in sd, or a position."""

    asset: int
    kind: str
    sensor: str
    start_hour: float
    hours: float
    size: float


_FAULTS = (
    _NewFault(0, "offset", "loop1_current", 5, 4, 0.6),
    _NewFault(0, "stuck", "loop4_flow", 26, 6, 0.0),
    _NewFault(1, "drift", "loop2_pressure_out", 8, 8, 1.0),
    _NewFault(1, "forced valve", "loop5_valve", 30, 4, 0.55),
    _NewFault(2, "offset", "loop3_pressure_in", 12, 5, -0.5),
    _NewFault(3, "stuck", "loop6_current", 15, 5, 0.0),
    _NewFault(3, "drift", "loop1_conductivity", 34, 8, -1.0),
    _NewFault(4, "offset", "loop2_ph", 20, 6, 0.5),
    _NewFault(5, "forced valve", "loop3_valve", 17, 4, 0.5),
)


def new_plant(data: Path | None, *, seed: int) -> AlarmCase:
    """Six assets of 60 sensors each, a row a minute, and nine faults of hours in the two scored days."""
    learnt = _LEARN_DAYS * _DAY_ROWS
    series = [_asset(number, seed) for number in range(_ASSETS)]
    return AlarmCase(
        definition=definition("new-plant", SENSORS, _INTERVAL_US),
        learn=[part_of(part, 0, learnt) for part in series],
        runs=[
            CaseRun(
                name=part.asset,
                part="faults of hours",
                series=part,
                first_row=learnt,
                faults=tuple(_labelled(fault) for fault in _FAULTS if fault.asset == number),
            )
            for number, part in enumerate(series)
        ],
    )


def _rows(fault: _NewFault) -> slice:
    start = _LEARN_DAYS * _DAY_ROWS + round(fault.start_hour * 60)
    return slice(start, start + round(fault.hours * 60))


def _labelled(fault: _NewFault) -> LabelledFault:
    rows = _rows(fault)
    loop = fault.sensor.split("_")[0]
    touched = {"forced valve": tuple(f"{loop}_{name}" for name in _SIGNALS)}
    return LabelledFault(
        kind=fault.kind,
        first=rows.start,
        stop=rows.stop,
        sensors=touched.get(fault.kind, (fault.sensor,)),
    )


def _asset(number: int, seed: int) -> Series:
    """An asset's readings with its faults; sensor faults change a sensor, forced valves the loop."""
    rng = np.random.default_rng([seed, number])
    rows = (_LEARN_DAYS + _SCORED_DAYS) * _DAY_ROWS
    faults = [fault for fault in _FAULTS if fault.asset == number]
    values = _with_noise(_readings(rows, faults, rng), rng)
    for fault in faults:
        _break(values, fault)
    times_us = START_US + np.arange(rows, dtype=np.int64) * _INTERVAL_US
    return Series(f"unit-{number + 1}", times_us, values.astype(np.float32))


def _readings(rows: int, faults: Sequence[_NewFault], rng: np.random.Generator) -> Floats:
    """``[rows, sensors]`` without noise: demand with a daily cycle drives every loop."""
    hour = np.arange(rows)[:, None] / 60
    common = autoregressive(rng.normal(size=(rows, 1)), np.array([0.995]))
    own = autoregressive(rng.normal(size=(rows, _LOOPS)), np.full(_LOOPS, 0.98))
    cycle = np.sin(2 * np.pi * (hour / 24 + rng.uniform(0, 0.15, _LOOPS)))
    demand = 10 + 1.5 * cycle + common + 0.7 * own
    ambient = 20 + 4 * np.sin(2 * np.pi * (hour / 24 - 0.3)) + common
    quality = autoregressive(rng.normal(size=(rows, 2)), np.array([0.99, 0.995]))
    supply = 5 + 0.3 * autoregressive(rng.normal(size=(rows, 1)), np.array([0.99]))
    loops = [
        _loop(demand[:, loop], supply[:, 0], ambient[:, 0], _forced(loop, rows, faults), quality, rng)
        for loop in range(_LOOPS)
    ]
    return np.concatenate(loops, axis=1)


def _forced(loop: int, rows: int, faults: Sequence[_NewFault]) -> Floats:
    """``[rows]``: the position of a forced valve, NaN where the controller moves it."""
    forced = np.full(rows, np.nan)
    for fault in faults:
        if fault.sensor == f"loop{loop + 1}_valve":
            forced[_rows(fault)] = fault.size
    return forced


def _loop(
    demand: Floats, supply: Floats, ambient: Floats, forced: Floats, quality: Floats, rng: np.random.Generator
) -> Floats:
    """``[rows, 10]``: a controller opens the valve to keep the level of a tank that the demand empties."""
    rows, level, held, opening = len(demand), np.empty(len(demand)), 3.0, 0.5
    valve, flow = np.empty(rows), np.empty(rows)
    strength = rng.uniform(7, 10)
    for row in range(rows):
        wanted = np.clip(demand[row] / (strength * supply[row] ** 0.5) + 0.15 * (3.0 - held), 0.0, 1.0)
        opening = 0.8 * opening + 0.2 * wanted
        valve[row] = opening if np.isnan(forced[row]) else forced[row]
        flow[row] = strength * valve[row] * supply[row] ** 0.5
        held = float(np.clip(held + 0.01 * (flow[row] - demand[row]), 0.2, 6.0))
        level[row] = held
    load = _lagged(flow, 0.9)
    motor = 0.5 * load + 0.2 * supply
    warm = _lagged(ambient + 1.5 * load, 0.97)
    mixed = quality @ rng.normal(size=(2, 2)) + 0.15 * load[:, None] * rng.normal(size=2)
    signals = [valve, flow, supply - 0.03 * load, 2 + 0.1 * load + 0.2 * level, level, warm, motor]
    return np.column_stack([*signals, 1 + 0.1 * motor**1.5, mixed])


def _lagged(signal: Floats, keep: float) -> Floats:
    out = signal.copy()
    for row in range(1, len(out)):
        out[row] = keep * out[row - 1] + (1 - keep) * signal[row]
    return out


def _with_noise(exact: Floats, rng: np.random.Generator) -> Floats:
    learnt = exact[: _LEARN_DAYS * _DAY_ROWS]
    noisy: Floats = exact + _NOISE * learnt.std(axis=0) * rng.normal(size=exact.shape)
    return noisy


def _break(values: Floats, fault: _NewFault) -> None:
    """Change the sensor of a fault; a forced valve has changed the plant already."""
    column, rows = SENSORS.index(fault.sensor), _rows(fault)
    deviation = float(values[: _LEARN_DAYS * _DAY_ROWS, column].std())
    if fault.kind == "offset":
        values[rows, column] += fault.size * deviation
    elif fault.kind == "drift":
        values[rows, column] += fault.size * deviation * np.linspace(0, 1, rows.stop - rows.start)
    elif fault.kind == "stuck":
        values[rows, column] = values[rows.start - 1, column]
