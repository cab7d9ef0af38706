"""Learns the limits of instruments from normal rows, and whether they hold on rows later in time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tfstream.core.instruments.counters import find_counters
from tfstream.core.instruments.instrument_check import CheckOff, InstrumentCheck
from tfstream.core.instruments.instrument_limits import PER_WEEK, InstrumentLimits
from tfstream.core.instruments.limit_rule import floors_for, limit_rule, out_of_reach, raw_limits
from tfstream.core.instruments.segment_extremes import Extremes, SensorShape, find_extremes
from tfstream.core.reading import Series, Values
from tfstream.core.stream import WEEK_US

_LEAST_ROWS = 1024  # of an asset with limits of its own
_SEGMENTS = 16
_LEAST_STRETCHES = 2  # of a segment
_EARLIER = 0.75  # of the segments: limits learnt on these must hold on the others
_PRIOR_SEGMENTS = 6  # the scale of other sensors counts as this many segments
_LEAST_SCALE, _USUAL_SCALE = 0.02, 0.1
_TAIL_PART = 3 / 8  # of the segments
_PARTS = (0.25, 0.5)  # of the learning span, whose record is compared with that of the whole span
_SAMPLE = 20_000  # rows
_FEW_VALUES = 16
_FEW_CHANGES = 32
_OF_WINDOWS = (InstrumentCheck.NOISE, InstrumentCheck.QUIET, InstrumentCheck.REPEATS)

Array = NDArray[np.float64]


class _Learnt(NamedTuple):
    """The limits of one asset, ``[sensors]`` or ``[checks, sensors]``, see :class:`InstrumentLimits`."""

    records: Array
    scales: Array
    off: NDArray[np.uint8]
    shape: SensorShape
    extremes: Extremes
    weeks: float


def learn_limits(
    series: Sequence[Series],
    interval_us: int,
    staleness_rows: int,
    per_week: float = PER_WEEK,
    counters: tuple[int, ...] | None = None,
) -> InstrumentLimits:
    """Learn from normal series on the regular grid; an asset may have several pieces.

    :param staleness_rows: for how many rows a missing cell of ``series`` carries the last value.
    :param per_week: how often in a week the checks of an asset together may reach their limits by chance.
    :param counters: the columns that are counters; None looks for them.
    :raises ValueError: when there is no row.
    """
    series = [_finite(piece) for piece in series if len(piece.values)]
    if not series:
        raise ValueError("there are no rows to learn the limits of instruments from")
    counters = find_counters(series) if counters is None else counters
    by_asset: dict[str, list[Series]] = {}
    for piece in series:
        by_asset.setdefault(piece.asset, []).append(piece)
    own = tuple(sorted(asset for asset, pieces in by_asset.items() if _rows(pieces) >= _LEAST_ROWS))
    learner = _Learner(counters, interval_us, staleness_rows, per_week)
    learnt = [learner.learn(by_asset[asset]) for asset in own]
    learnt.append(learnt[0] if len(by_asset) == len(own) == 1 else learner.learn(series))
    return InstrumentLimits(
        assets=own,
        counters=counters,
        staleness_rows=staleness_rows,
        per_week=per_week,
        records=np.stack([part.records for part in learnt]).astype(np.float32),
        scales=np.stack([part.scales for part in learnt]).astype(np.float32),
        off=np.stack([part.off for part in learnt]),
        medians=np.stack([part.shape.median for part in learnt]),
        units=np.stack([part.shape.unit for part in learnt]),
        known=np.stack([part.extremes.known / part.extremes.rows for part in learnt]).astype(np.float32),
        longest_gaps=np.stack([part.extremes.longest_gaps for part in learnt]),
        weeks=np.array([part.weeks for part in learnt]),
    )


class _Learner(NamedTuple):
    counters: tuple[int, ...]
    interval_us: int
    staleness_rows: int
    per_week: float

    def learn(self, pieces: Sequence[Series]) -> _Learnt:
        sample = _Sample.of(pieces)
        extremes = find_extremes(pieces, sample.shape, self.interval_us)
        segments = _segments(extremes.largest)
        weeks = extremes.rows * self.interval_us / WEEK_US
        off = self._off(sample, extremes)
        unmeasured = segments.max(axis=0) <= 0
        for check in _OF_WINDOWS:
            off[check, unmeasured[check] & (off[check] == CheckOff.ON)] = CheckOff.GAPS
        earlier = max(int(len(segments) * _EARLIER), 1)
        _, _, limits = self._limits(segments[:earlier], off, extremes.rows * earlier // len(segments))
        exceeded = (segments[earlier:] > limits).any(axis=0)
        off[exceeded & (off == CheckOff.ON)] = CheckOff.EXCEEDED
        records, scales, limits = self._limits(segments, off, extremes.rows)
        rule = limit_rule(scales, off, weeks, self.per_week)
        far = out_of_reach(limits, rule, extremes.rows)
        off[far & (off == CheckOff.ON)] = CheckOff.OUT_OF_REACH
        return _Learnt(records, scales, off, sample.shape, extremes, weeks)

    def _limits(self, segments: Array, off: NDArray[np.uint8], rows: int) -> tuple[Array, Array, Array]:
        """Records with their floors, scales, and limits in the units of the statistics.

        The lengths of runs have at least the tail of a geometric distribution: of n runs the longest is about
        ln n times the mean excess. A sensor that rests at zero every other row has such runs.
        """
        weeks = rows * self.interval_us / WEEK_US
        largest = segments.max(axis=0)
        floors = floors_for(largest, self.staleness_rows)
        scales = _scales(segments + floors, off)
        run = largest[InstrumentCheck.RUN]
        shortest_tail = run / (run + floors[InstrumentCheck.RUN]) / np.log(max(rows, 3))
        scales[InstrumentCheck.RUN] = np.maximum(scales[InstrumentCheck.RUN], shortest_tail)
        rule = limit_rule(scales, off, weeks, self.per_week)
        return largest + floors, scales, raw_limits(largest, floors, rule, self.staleness_rows)

    def _off(self, sample: _Sample, extremes: Extremes) -> NDArray[np.uint8]:
        off = np.zeros((len(InstrumentCheck), len(sample.distinct)), dtype=np.uint8)
        variation = np.array([InstrumentCheck.NOISE, InstrumentCheck.QUIET])[:, None]
        off[variation, np.flatnonzero(sample.shape.unit == np.inf)] = CheckOff.FEW_CHANGES
        off[InstrumentCheck.RUN, extremes.changes < _FEW_CHANGES] = CheckOff.FEW_CHANGES
        off[:, sample.distinct < _FEW_VALUES] = CheckOff.FEW_VALUES
        others = np.arange(len(off)) != InstrumentCheck.RUN
        for counter in self.counters:
            off[others, counter] = CheckOff.COUNTER
        off[:, extremes.known == 0] = CheckOff.NO_VALUES
        return off


class _Sample(NamedTuple):
    """Of evenly spaced rows: the sensors' shapes, and the number of their distinct values."""

    shape: SensorShape
    distinct: NDArray[np.int64]

    @classmethod
    def of(cls, pieces: Sequence[Series]) -> _Sample:
        step = max(_rows(pieces) // _SAMPLE, 1)
        values = np.concatenate([piece.values[::step] for piece in pieces])
        second = [
            np.abs(piece.values[2:][::step] - 2 * piece.values[1:-1][::step] + piece.values[:-2][::step])
            for piece in pieces
            if len(piece.values) > 2
        ]
        sensors = range(values.shape[1])
        columns = [values[:, sensor][~np.isnan(values[:, sensor])] for sensor in sensors]
        changes = np.concatenate(second) if second else np.empty((0, len(columns)), dtype=np.float32)
        units = [changes[:, sensor][~np.isnan(changes[:, sensor])] for sensor in sensors]
        return cls(
            SensorShape(
                np.array([np.median(column) if len(column) else 0 for column in columns], dtype=np.float32),
                np.array([_unit(column) for column in units], dtype=np.float32),
            ),
            np.array([len(np.unique(column)) for column in columns]),
        )


def _unit(changes: Values) -> float:
    unit = float(np.quantile(changes, 0.95)) if len(changes) else 0.0
    return unit if unit > 0 else np.inf


def _segments(largest: Values) -> Array:
    """The largest values of up to 16 segments of equal length, ``[segments, checks, sensors]``."""
    count = min(max(len(largest) // _LEAST_STRETCHES, 1), _SEGMENTS)
    starts = np.linspace(0, len(largest), count, endpoint=False).astype(np.int64)
    return np.nan_to_num(np.fmax.reduceat(largest, starts, axis=0)).astype(np.float64)


def _scales(segments: Array, off: NDArray[np.uint8]) -> Array:
    """Scales of the logarithms of ``segments``, drawn towards those of the same check at other sensors."""
    count = len(segments)
    with np.errstate(divide="ignore"):
        logs = np.log(np.maximum(segments, 1e-30))
    own = np.maximum(_tail(logs), _growth(logs))
    usual = np.array(
        [
            np.median(np.append(own[check, off[check] == CheckOff.ON], _USUAL_SCALE))
            for check in range(len(off))
        ]
    )
    prior = np.maximum(usual, _LEAST_SCALE)[:, None]
    weight = _PRIOR_SEGMENTS
    scales: Array = np.sqrt((count * own**2 + weight * prior**2) / (count + weight))
    return np.maximum(scales, _LEAST_SCALE)


def _tail(logs: Array) -> Array:
    """The mean excess of the largest segments over the next one (Hill 1975), ``[checks, sensors]``.

    Only the tail counts: in the segments of a night a sensor that follows the day has no large values.
    """
    count = round(len(logs) * _TAIL_PART)
    if not count:
        return np.full(logs.shape[1:], _USUAL_SCALE)
    ordered = np.sort(logs, axis=0)
    tail: Array = ordered[-count:].mean(axis=0) - ordered[-count - 1]
    return tail


def _growth(logs: Array) -> Array:
    """By how much the record has grown when the time watched grew by a factor of e, ``[checks, sensors]``.

    Where a level wanders the record grows faster than the scatter of the segments suggests.
    """
    grown = np.zeros(logs.shape[1:])
    for part in _PARTS:
        earlier = round(len(logs) * part)
        if earlier:
            growth = (logs.max(axis=0) - logs[:earlier].max(axis=0)) / np.log(1 / part)
            grown = np.maximum(grown, growth)
    return grown


def _rows(pieces: Sequence[Series]) -> int:
    return sum(len(piece.values) for piece in pieces)


def _finite(series: Series) -> Series:
    """The series with infinite values as missing."""
    infinite = np.isinf(series.values)
    if not infinite.any():
        return series
    return series._replace(values=np.where(infinite, np.float32(np.nan), series.values))
