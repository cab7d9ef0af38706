"""A plant with shifts: it runs by day, idles at night and rests at the weekend.

Two shifts work from 06:00 to 22:00 on weekdays. All sensors but the weather follow the load. What is usual at
one hour is a fault at another: the weekend's level on a Tuesday, the night's level at noon. What comes back
every week is none: Monday mornings, weekends, nights.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tests.studies.quality.alarms.cases import AlarmCase, CaseRun, LabelledFault, Mask
from tests.studies.quality.alarms.labelled_tables import START_US, definition
from tfstream.core.reading import Series
from tfstream.core.stream import MICROSECONDS

Array = NDArray[np.float64]

SENSORS = ("power", "flow", "pressure", "oil_temp", "bearing_temp", "vibration", "air_flow", "outside_temp")
FOLLOWING = SENSORS[:-1]  # the sensors that follow the load
_DAY, _NIGHT, _WEEKEND = 1.0, 0.4, 0.15
_GAINS = np.array([80.0, 30.0, 4.0, 25.0, 18.0, 3.0, 12.0, 0.0])
_OFFSETS = np.array([12.0, 2.0, 1.0, 30.0, 35.0, 0.4, 3.0, 8.0])
_NOISE = np.array([1.5, 0.6, 0.08, 0.3, 0.3, 0.12, 0.4, 0.4])
_LAG_MINUTES = np.array([0.0, 0.0, 0.0, 60.0, 40.0, 0.0, 5.0, 0.0])
_LEARN_WEEKS, _SCORED_WEEKS = 4, 4
_ASSET = "line-1"


class _Fault(NamedTuple):
    """A load that belongs to another time; ``sensor`` None: of the whole plant."""

    kind: str
    day: int
    from_hour: float
    to_hour: float
    load: float
    sensor: str | None = None


_FAULTS = (
    _Fault("weekend's level on a Tuesday", 1, 7, 15, _WEEKEND),
    _Fault("night's level at noon", 2, 11, 14, _NIGHT),
    _Fault("day's level at night", 4, 0, 4, _DAY),
    _Fault("one sensor at its day's level at night", 8, 0, 4, _DAY, "air_flow"),
    _Fault("night's level at noon", 10, 12, 15, _NIGHT),
    _Fault("day's level on a Sunday", 13, 6, 22, _DAY),
    _Fault("weekend's level on a Tuesday", 15, 0, 24, _WEEKEND),
    _Fault("one sensor at its night's level by day", 17, 8, 14, _NIGHT, "pressure"),
    _Fault("day's level at night", 22, 1, 4, _DAY),
    _Fault("one sensor at its night's level by day", 24, 10, 16, _NIGHT, "power"),
)


def shifts(data: Path | None, *, seed: int, interval_s: int = 300) -> AlarmCase:
    """Four weeks to learn from, then four normal weeks, and the same weeks with ten faults."""
    interval_us = interval_s * MICROSECONDS
    rng = np.random.default_rng([seed, interval_s])
    week = 7 * 86_400 // interval_s
    rows = (_LEARN_WEEKS + _SCORED_WEEKS) * week
    usual, factor = _loads(rows, interval_s, rng)
    drift, noise = _weather(rows, interval_s, rng), _noise(rows, rng)
    loads = factor[:, None] * _shown(usual, ())
    normal = _series(_values(loads, drift, noise, interval_s), interval_us)
    learnt = _LEARN_WEEKS * week
    faults = tuple(_labelled(fault, learnt, interval_s) for fault in _FAULTS)
    loads = factor[:, None] * _shown(usual, faults)
    faulty = _series(_values(loads, drift, noise, interval_s), interval_us)
    hour, day = _hours(rows, interval_s), _days(rows, interval_s) % 7
    monday = (day == 0) & (hour >= 4) & (hour < 12)
    parts = {"Monday mornings": monday, "weekends": day >= 5, "other normal hours": ~monday & (day < 5)}
    return AlarmCase(
        definition=definition("shifts", SENSORS, interval_us),
        learn=[Series(_ASSET, normal.times_us[:learnt], normal.values[:learnt])],
        runs=[
            CaseRun(
                name="faulty", part="levels at wrong hours", series=faulty, first_row=learnt, faults=faults
            ),
            *(_normal_run(part, normal, learnt, mask) for part, mask in parts.items()),
        ],
    )


def _normal_run(part: str, normal: Series, learnt: int, scored: Mask) -> CaseRun:
    return CaseRun(name=part, part=part, series=normal, first_row=learnt, unscored=~scored)


def _labelled(fault: _Fault, learnt: int, interval_s: int) -> LabelledFault:
    first, stop = (
        learnt + round((fault.day * 24 + hour) * 3600 / interval_s)
        for hour in (fault.from_hour, fault.to_hour)
    )
    sensors = FOLLOWING if fault.sensor is None else (fault.sensor,)
    return LabelledFault(kind=fault.kind, first=first, stop=stop, sensors=sensors)


def _shown(load: Array, faults: tuple[LabelledFault, ...]) -> Array:
    """``[rows, sensors]``: the load that each sensor shows; ``faults`` are none, or those of ``_FAULTS``."""
    loads = load[:, None] * np.ones(len(SENSORS))
    for fault, own in zip(faults, _FAULTS[: len(faults)], strict=True):
        columns = [SENSORS.index(name) for name in fault.sensors]
        loads[fault.first : fault.stop, columns] = own.load
    return loads


def _hours(rows: int, interval_s: int) -> Array:
    """The hour of the day of each row; row 0 is Monday, 00:00."""
    hours: Array = np.arange(rows, dtype=np.float64) * interval_s / 3600 % 24
    return hours


def _days(rows: int, interval_s: int) -> NDArray[np.int64]:
    return np.arange(rows, dtype=np.int64) * interval_s // 86_400


def _loads(rows: int, interval_s: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """``[rows]``: the usual load, whose shifts begin and end within ten minutes of their hour, and each day's
    factor: no day is quite like another.
    """
    hour, day = _hours(rows, interval_s), _days(rows, interval_s)
    days = int(day[-1]) + 1
    begin, end = 6 + rng.uniform(-1, 1, days) / 6, 22 + rng.uniform(-1, 1, days) / 6
    works = (hour >= begin[day]) & (hour < end[day]) & (day % 7 < 5)
    idle = np.where(day % 7 >= 5, _WEEKEND, _NIGHT)
    load: Array = np.where(works, _DAY, idle).astype(np.float64)
    factor: Array = (1 + 0.03 * rng.normal(size=days))[day]
    return load, factor


def _weather(rows: int, interval_s: int, rng: np.random.Generator) -> Array:
    """``[rows]``: warm afternoons, and days that differ."""
    hour, day = _hours(rows, interval_s), _days(rows, interval_s)
    daily: Array = 3 * rng.normal(size=int(day[-1]) + 2)
    between = daily[day] + (daily[day + 1] - daily[day]) * hour / 24
    weather: Array = 5 * np.sin((hour - 9) / 24 * 2 * np.pi) + between
    return weather


def _noise(rows: int, rng: np.random.Generator) -> Array:
    """``[rows, sensors]`` in deviations: slow and fast noise in equal parts."""
    fast, steps = rng.normal(size=(2, rows, len(SENSORS)))
    noise: Array = (fast + _lagged(steps, np.full(len(SENSORS), 0.1)) * np.sqrt(19)) / np.sqrt(2)
    return noise


def _values(loads: Array, weather: Array, noise: Array, interval_s: int) -> Array:
    rates = 1 - np.exp(-interval_s / 60 / np.maximum(_LAG_MINUTES, 1e-9))
    values: Array = _OFFSETS + _GAINS * _lagged(loads, rates) + _NOISE * noise
    values[:, -1] += weather
    values[:, SENSORS.index("oil_temp")] += 0.3 * weather
    return values


def _lagged(inputs: Array, rates: Array) -> Array:
    """First-order lags: each row moves the level by ``rates [sensors]`` of its distance to the input."""
    outputs = np.empty_like(inputs)
    level = inputs[0]
    for row, target in enumerate(inputs):
        level = level + rates * (target - level)
        outputs[row] = level
    return outputs


def _series(values: Array, interval_us: int) -> Series:
    times_us = START_US + np.arange(len(values), dtype=np.int64) * interval_us
    return Series(_ASSET, times_us, values.astype(np.float32))
