"""What each sensor did at most while the stream was normal, and how far beyond that a fault begins."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from tfstream.core.instruments.instrument_check import CheckOff, InstrumentCheck
from tfstream.core.reading import Values

PER_WEEK = 0.05  # how often in a week the checks of an asset together may reach their limits by chance
_SILENT_FACTOR = 1.5  # times the longest time without a value in training
_USUALLY_KNOWN = 0.9  # of the rows: a gap that is rarer is an outage in training, and no habit of the sensor


class DisabledCheck(NamedTuple):
    """A check that is off for a sensor of an asset, and why. ``asset`` is "" for all other assets."""

    asset: str
    sensor: int
    check: InstrumentCheck
    reason: CheckOff


@dataclass(frozen=True, kw_only=True)
class InstrumentLimits:
    """What was learnt: arrays ``[assets + 1, sensors]`` and ``[assets + 1, checks, sensors]``.

    Their last row is that of all assets together, for assets without enough rows of their own.

    - ``records``: the largest value of each statistic in training, its floor included.
    - ``scales``: by what factor, as a logarithm, the largest value grows when the time watched grows by a
      factor of e: the scale of a Gumbel distribution of the logarithms.
    - ``off``: a :class:`CheckOff`.
    - ``medians``: the sensors' medians; ``units``: the 95 % quantile of their absolute second differences.
    - ``known``: the part of the rows that have a value; ``longest_gaps``: most rows in a row without one.
    - ``weeks [assets + 1]``: the time learnt from.
    - ``per_week``: how often in a week the checks of an asset together may reach their limits by chance.
    """

    assets: tuple[str, ...]
    per_week: float
    counters: tuple[int, ...]
    staleness_rows: int
    records: Values
    scales: Values
    off: NDArray[np.uint8]
    medians: Values
    units: Values
    known: Values
    longest_gaps: NDArray[np.int32]
    weeks: NDArray[np.float64]

    @property
    def sensors(self) -> int:
        return int(self.medians.shape[1])

    def row_of(self, asset: str) -> int:
        """The row of the arrays for an asset."""
        return self.assets.index(asset) if asset in self.assets else len(self.assets)

    def longest_gap_rows(self, asset: str, sensor: int) -> int:
        """The longest time in training in which the sensor sent nothing, in rows.

        The rows in which a missing cell carries the last value are included.
        """
        gap = int(self.longest_gaps[self.row_of(asset), sensor])
        return gap + self.staleness_rows if gap else 0

    def silent_after_rows(self, asset: str, sensor: int) -> float:
        """After how many rows without a value a sensor that sends rarely is silent."""
        return _SILENT_FACTOR * self.longest_gap_rows(asset, sensor)

    def slow_sensors(self, asset: str, hop_rows: int) -> tuple[int, ...]:
        """The sensors that send rarely: often a hop passes without a value."""
        known = self.known[self.row_of(asset)]
        rare = np.flatnonzero((known > 0) & (known < _USUALLY_KNOWN)).tolist()
        return tuple(sensor for sensor in rare if self.longest_gap_rows(asset, sensor) >= hop_rows)

    def disabled(self) -> Iterator[DisabledCheck]:
        """The checks that are off although the sensor has values."""
        for row, check, sensor in np.argwhere(self.off > CheckOff.NO_VALUES).tolist():
            asset = self.assets[row] if row < len(self.assets) else ""
            reason = CheckOff(int(self.off[row, check, sensor]))
            yield DisabledCheck(asset, sensor, InstrumentCheck(check), reason)

    def describe_off(self, names: Sequence[str]) -> dict[str, list[str]]:
        """The checks that are off for at least one asset: by reason the sensors with their checks."""
        found: dict[str, dict[str, set[InstrumentCheck]]] = {}
        for disabled in self.disabled():
            sensors = found.setdefault(disabled.reason.words, {})
            sensors.setdefault(names[disabled.sensor], set()).add(disabled.check)
        return {
            reason: [f"{name} ({_checks_text(checks)})" for name, checks in sensors.items()]
            for reason, sensors in found.items()
        }

    def encode(self) -> bytes:
        """The limits as bytes; equal limits give equal bytes."""
        return msgspec.msgpack.encode({part.name: _stored(getattr(self, part.name)) for part in fields(self)})

    @classmethod
    def decode(cls, data: bytes) -> InstrumentLimits:
        """:raises ValueError: when the bytes are no limits."""
        try:
            stored = msgspec.msgpack.decode(data)
            arrays = {name: _loaded(stored[name]) for name in (part.name for part in fields(cls))}
        except (msgspec.DecodeError, KeyError, TypeError) as error:
            raise ValueError(f"these bytes are no limits of instruments: {error}") from None
        return cls(**{**arrays, "assets": tuple(arrays["assets"]), "counters": tuple(arrays["counters"])})


def _checks_text(checks: set[InstrumentCheck]) -> str:
    if len(checks) == len(InstrumentCheck):
        return "all checks"
    if checks == set(InstrumentCheck) - {InstrumentCheck.RUN}:
        return f"all checks but {InstrumentCheck.RUN.words}"
    return ", ".join(dict.fromkeys(check.words for check in sorted(checks)))


def _stored(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return {"type": value.dtype.str, "shape": value.shape, "data": value.tobytes()}
    return value


def _loaded(value: Any) -> Any:
    if isinstance(value, dict):
        return np.frombuffer(value["data"], dtype=value["type"]).reshape(value["shape"])
    return value
