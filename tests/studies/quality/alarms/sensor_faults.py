"""Faults of single sensors, one after another, put into normal rows. An sd is the sensor's deviation."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tests.studies.quality.alarms.cases import LabelledFault, Mask
from tfstream.core.reading import Series, Values

_VISIBLE = 0.25  # root mean square of the change over the fault's rows, in deviations
_SPIKES, _SPIKE_SIZE = 5, 6.0
_LAG_SHARE = 8  # a lag is an eighth of the fault's length
_TRIES = 100

Signal = NDArray[np.float64]


class _Place(NamedTuple):
    """One sensor's ``clean [rows]`` values, and the fault's rows; ``deviation`` and ``median`` are usual."""

    clean: Signal
    first: int
    stop: int
    deviation: float
    median: float
    rng: np.random.Generator

    @property
    def during(self) -> Signal:
        return self.clean[self.first : self.stop]

    @property
    def rows(self) -> int:
        return self.stop - self.first

    def sign(self) -> float:
        return float(self.rng.choice((-1.0, 1.0)))


_Change = Callable[[_Place], Signal]


def _offset(size: float) -> _Change:
    return lambda place: place.during + place.sign() * size * place.deviation


def _drift(size: float) -> _Change:
    return lambda place: place.during + place.sign() * size * place.deviation * np.linspace(0, 1, place.rows)


def _noise(size: float) -> _Change:
    return lambda place: place.during + size * place.deviation * place.rng.normal(size=place.rows)


def _stuck(place: _Place) -> Signal:
    return np.full(place.rows, place.clean[max(place.first - 1, 0)])


def _spikes(place: _Place) -> Signal:
    """Single rows far outside."""
    wrong = place.during.copy()
    rows = place.rng.choice(place.rows, size=min(_SPIKES, place.rows), replace=False)
    wrong[rows] += place.rng.choice((-1.0, 1.0), size=len(rows)) * _SPIKE_SIZE * place.deviation
    return wrong


def _clipped(place: _Place) -> Signal:
    """The upper half of the sensor's range is cut off."""
    return np.minimum(place.during, place.median)


def _lag(place: _Place) -> Signal:
    back = min(max(place.rows // _LAG_SHARE, 1), place.first)
    return place.clean[place.first - back : place.stop - back].copy()


KINDS: Mapping[str, _Change] = MappingProxyType(
    {
        "stuck": _stuck,
        "offset 1 sd": _offset(1),
        "offset 2 sd": _offset(2),
        "offset 4 sd": _offset(4),
        "drift to 2 sd": _drift(2),
        "drift to 4 sd": _drift(4),
        "noise 2 sd": _noise(2),
        "gain 1.3": lambda place: 1.3 * place.during,
        "dead": lambda place: np.zeros(place.rows),
        "spikes 6 sd": _spikes,
        "clipped": _clipped,
        "lag": _lag,
        "unit change": lambda place: 1.8 * place.during + 32,  # °C shown as °F
    }
)
MAIN_KINDS = tuple(KINDS)[:8]
MORE_KINDS = tuple(KINDS)[8:]


@dataclass(frozen=True, kw_only=True)
class FaultPlan:
    """``kinds`` in a random order, each ``rows`` long and at least ``apart`` rows after the one before."""

    kinds: Sequence[str]
    rows: int
    apart: int


class FaultySeries(NamedTuple):
    """A copy of a normal series with faults, and the faults."""

    series: Series
    faults: tuple[LabelledFault, ...]


def inject(
    series: Series, sensors: Sequence[str], plan: FaultPlan, usable: Mask, rng: np.random.Generator
) -> FaultySeries:
    """Put the plan's faults into rows of ``series`` where ``usable [rows]``, as many as there is room for.

    Deviation and median of a sensor are those of its usable rows. A fault that changes a sensor by less than
    a quarter of its deviation is put into another sensor; constant sensors get none.
    """
    values = series.values.copy()
    clean = series.values.astype(np.float64)
    known = clean[usable]
    deviation, median = np.nanstd(known, axis=0), np.nanmedian(known, axis=0)
    faults: list[LabelledFault] = []
    starts = _starts(usable, plan)
    for kind in rng.permutation(np.array(plan.kinds, dtype=object)).tolist():
        first = next(starts, None)
        if first is None:
            break
        stop = first + plan.rows
        drawn = _draw(kind, clean, (first, stop), deviation, median, rng)
        if drawn is not None:
            sensor, wrong = drawn
            values[first:stop, sensor] = wrong
            faults.append(LabelledFault(kind=kind, first=first, stop=stop, sensors=(sensors[sensor],)))
    return FaultySeries(series._replace(values=values), tuple(faults))


def _starts(usable: Mask, plan: FaultPlan) -> Iterator[int]:
    """The first rows of faults whose rows, and the rows after them, are usable."""
    unusable = np.concatenate([[0], np.cumsum(~usable)])
    at, span = plan.apart, plan.rows + plan.apart
    while at + span <= len(usable):
        if unusable[at + span] == unusable[at - plan.apart]:
            yield at
            at += span
        else:
            at += 1


def _draw(
    kind: str,
    clean: Signal,
    rows: tuple[int, int],
    deviation: Signal,
    median: Signal,
    rng: np.random.Generator,
) -> tuple[int, Values] | None:
    """A sensor in which the fault is visible, and its values; None if there is no such sensor."""
    moving = np.flatnonzero(deviation > 0)
    for sensor in rng.permutation(moving).tolist()[:_TRIES]:
        place = _Place(clean[:, sensor], *rows, float(deviation[sensor]), float(median[sensor]), rng)
        wrong = KINDS[kind](place)
        change = float(np.sqrt(np.mean((wrong - place.during) ** 2)))
        if change >= _VISIBLE * place.deviation:  # NaN is not
            return sensor, wrong.astype(np.float32)
    return None
