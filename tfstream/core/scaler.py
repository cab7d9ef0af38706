"""Standardisation of readings: per asset if the asset has enough rows, else pooled over all assets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tfstream.core.reading import Series, Values

_LIMIT = 10.0  # standard units: values beyond are clipped
_FLOOR = 0.05  # least scale, as a part of the median width of the moving channels; but at most
_OWN_FLOOR = 0.1  # of the channel's own size, so that the floor hides no fault of a sensor with a small unit
_CONSTANT = 0.01  # least scale of a constant channel, as a part of its size
_ROUNDING = 1e-9  # of a channel's size, or of the median width: a smaller width is rounding
_QUANTILES = (0.01, 0.05, 0.5, 0.95, 0.99)
_FAR = 10.0  # times the distance of the outer quantiles: values farther away are not believed, if they are
_RARE = 0.002  # of the rows, at most: a value that comes back is real
_INCREDIBLE = 1e3  # standard units
_ABSURD = 1e6  # times the distance of the inner quantiles, or the channel's size: never believed
_LEAST_ROWS = 256  # of an asset with a scale of its own

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Scaler:
    """Location and scale of every channel: ``location``, ``scale`` are ``[assets + 1, channels]``.

    The last row is the pooled scale, for assets without a scale of their own. ``live [channels]`` is true for
    channels that had any value in training.
    """

    assets: tuple[str, ...]
    location: Array
    scale: Array
    live: NDArray[np.bool_]
    _index: dict[str, int] = field(init=False, repr=False, compare=False)
    _single: tuple[Values, Values, Values] = field(init=False, repr=False, compare=False)
    _unknown: NDArray[np.int64] | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_index", {asset: i for i, asset in enumerate(self.assets)})
        high = self.location.astype(np.float32)
        low = (self.location - high).astype(np.float32)
        scale = np.maximum(self.scale, np.finfo(np.float32).tiny).astype(np.float32)
        object.__setattr__(self, "_single", (high, low, scale))
        object.__setattr__(self, "_unknown", None if self.live.all() else np.flatnonzero(~self.live))

    @classmethod
    def fit(cls, series: Sequence[Series]) -> Scaler:
        """Fit to training series on the regular grid; an asset may have several pieces."""
        by_asset: dict[str, list[Values]] = {}
        for piece in series:
            by_asset.setdefault(piece.asset, []).append(piece.values)
        own = tuple(sorted(asset for asset, pieces in by_asset.items() if _rows(pieces) >= _LEAST_ROWS))
        pooled = _Moments.of([piece for pieces in by_asset.values() for piece in pieces])
        moments = [*(_Moments.of(by_asset[asset]).completed(pooled) for asset in own), pooled]
        return cls(
            assets=own,
            location=np.stack([part.location for part in moments]),
            scale=np.stack([part.scale for part in moments]),
            live=pooled.known,
        )

    @property
    def single_precision(self) -> tuple[Values, Values, Values]:
        """Location in two parts, of which the second is what the first one is rounded by, and scale."""
        return self._single

    def rows_of(self, assets: Sequence[str]) -> NDArray[np.int64]:
        """The row of ``location`` and ``scale`` for each asset: ``[batch]``."""
        pooled = len(self.assets)
        return np.array([self._index.get(asset, pooled) for asset in assets], dtype=np.int64)

    def transform(self, values: Values, assets: Sequence[str]) -> Values:
        """Convert ``[batch, rows, channels]`` to standard units, clipped at ±10; NaN and ±inf become NaN.

        A channel without training becomes NaN, too. Its readings have no scale, and would look like a fault
        of the channels beside it as soon as the sensor begins to send.

        The arithmetic is in single precision without loss of accuracy: it subtracts the location in two
        parts, and the large part cancels out exactly.
        """
        chosen = self.rows_of(assets)
        high, low, scale = (part[chosen, None] for part in self._single)
        with np.errstate(invalid="ignore", over="ignore"):
            scaled: Values = values - high
            scaled -= low
            scaled /= scale
            np.clip(scaled, -_LIMIT, _LIMIT, out=scaled)
            scaled += values * np.float32(0)  # zero, but NaN where a value is infinite
        if self._unknown is not None:
            scaled[..., self._unknown] = np.nan
        return scaled

    def credible(self, values: Values, asset: str) -> NDArray[np.bool_]:
        """``[rows, channels]``: true for values within a thousand standard units of their location."""
        row = self.rows_of([asset])[0]
        with np.errstate(invalid="ignore", over="ignore"):
            far = np.abs(values - self.location[row]) > _INCREDIBLE * self.scale[row]
        return np.asarray(~far, dtype=np.bool_)

    def inverse(self, scaled: Values, assets: Sequence[str]) -> Values:
        """Convert ``[batch, channels]`` back to the sensors' own units."""
        chosen = self.rows_of(assets)
        return (scaled * self.scale[chosen] + self.location[chosen]).astype(np.float32)


class _Moments(NamedTuple):
    """Of every channel, ``[channels]``: location, scale, whether it has any value, and whether it moves."""

    location: Array
    scale: Array
    known: NDArray[np.bool_]
    moved: NDArray[np.bool_]

    @classmethod
    def of(cls, pieces: Sequence[Values]) -> _Moments:
        """Compute channel by channel: all in double precision would take too much memory for a long span."""
        channels = range(pieces[0].shape[1])
        columns = [_column(np.concatenate([piece[:, channel] for piece in pieces])) for channel in channels]
        count, location, width, size = np.array(columns).reshape(-1, 4).T
        moved = width > _ROUNDING * size
        moved &= width > _ROUNDING * _median(width[moved])
        median = _median(width[moved])
        narrow, constant = (
            np.minimum(_FLOOR * median, _OWN_FLOOR * size),
            np.maximum(median, _CONSTANT * size),
        )
        scale = np.where(moved, np.maximum(width, narrow), constant)
        return cls(location, scale, count > 0, moved)

    def completed(self, pooled: _Moments) -> _Moments:
        """The moments of an asset; the pooled ones for a sensor that has no value or never moves there."""
        return self._replace(
            location=np.where(self.known, self.location, pooled.location),
            scale=np.where(self.moved, self.scale, pooled.scale),
        )


def _median(widths: Array) -> float:
    return float(np.median(widths)) if len(widths) else 1.0


def _rows(pieces: Sequence[Values]) -> int:
    return sum(len(piece) for piece in pieces)


def _column(values: Values) -> tuple[float, float, float, float]:
    """Count, mean, width and largest absolute value of a channel's finite values; a constant has width 0."""
    known = values[np.isfinite(values)].astype(np.float64)
    if not len(known):
        return 0.0, 0.0, 0.0, 0.0
    believed = _believed(known)
    return float(len(known)), float(believed.mean()), _width(believed), float(np.abs(believed).max())


def _believed(known: Array) -> Array:
    """The values without those of a broken transmitter: a single 1e30 would hide every later fault."""
    low, inner_low, middle, inner_high, high = np.quantile(known, _QUANTILES)
    spread, distance = high - low, np.abs(known - middle)
    far = distance > _FAR * spread
    if not spread or far.mean() > _RARE:
        far[:] = False
    absurd = distance > _ABSURD * max(inner_high - inner_low, abs(middle), 1.0)
    believed: Array = known[~far & ~absurd]
    return believed


def _width(known: Array) -> float:
    """The standard deviation; for a switch, with two or three positions, the distance of the outer positions.

    In units of its standard deviation, a valve that opens once a day would jump by ten: every command would
    look like a fault, and hide the faults of other sensors.
    """
    low, high = known.min(), known.max()
    between = known[(known > low) & (known < high)]
    switch = not len(between) or bool((between == between[0]).all())
    return float(high - low if switch else known.std())
