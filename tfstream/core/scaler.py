"""Standardisation: per asset where an asset has enough rows, pooled over all of them otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tfstream.core.reading import Series, Values

_LIMIT = 10.0
_FLOOR = 0.05  # of the median moving channel's width, but at most
_OWN_FLOOR = 0.1  # of the channel's own size: units differ, and a small one must not make its sensor blind
_CONSTANT = 0.01  # of a constant's own size, at least, is worth one unit
_ROUNDING = 1e-9  # of a channel's own size, or of the median width: less is no movement
_QUANTILES = (0.01, 0.05, 0.5, 0.95, 0.99)
_FAR = 10.0  # times the way between the outermost of them is not believed, if it is
_RARE = 0.002  # of the rows: what comes back is real
_INCREDIBLE = 1e3  # units
_ABSURD = 1e6  # times the way between the inner ones, or the channel's own size, is never believed
_ROWS_OF_ITS_OWN = 256

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Scaler:
    """Location and scale of every channel: ``location``, ``scale`` are ``[assets + 1, channels]``.

    The last row is the pooled one, for assets that were not there in training. ``live [channels]``
    tells which channels said anything at all.
    """

    assets: tuple[str, ...]
    location: Array
    scale: Array
    live: NDArray[np.bool_]
    _index: dict[str, int] = field(init=False, repr=False, compare=False)
    _single: tuple[Values, Values, Values] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_index", {asset: i for i, asset in enumerate(self.assets)})
        high = self.location.astype(np.float32)
        low = (self.location - high).astype(np.float32)
        scale = np.maximum(self.scale, np.finfo(np.float32).tiny).astype(np.float32)
        object.__setattr__(self, "_single", (high, low, scale))

    @classmethod
    def fit(cls, series: Sequence[Series]) -> Scaler:
        """From aligned training series; rows of one asset may come in several pieces."""
        by_asset: dict[str, list[Values]] = {}
        for one in series:
            by_asset.setdefault(one.asset, []).append(one.values)
        own = tuple(sorted(asset for asset, pieces in by_asset.items() if _rows(pieces) >= _ROWS_OF_ITS_OWN))
        pooled = _Moments.of([piece for pieces in by_asset.values() for piece in pieces])
        moments = [*(_Moments.of(by_asset[asset]).completed(pooled) for asset in own), pooled]
        return cls(
            assets=own,
            location=np.stack([one.location for one in moments]),
            scale=np.stack([one.scale for one in moments]),
            live=pooled.known,
        )

    def rows_of(self, assets: Sequence[str]) -> NDArray[np.int64]:
        """``[batch]``: which row of ``location`` and ``scale`` serves each asset."""
        pooled = len(self.assets)
        return np.array([self._index.get(asset, pooled) for asset in assets], dtype=np.int64)

    def transform(self, values: Values, assets: Sequence[str]) -> Values:
        """``[batch, rows, channels]`` in standard units, clipped at ±10; NaN and ±inf come out as NaN.

        In single precision, and good to it: what a reading has in common with its location cancels out
        exactly before the rest of the location is taken off.
        """
        chosen = self.rows_of(assets)
        high, low, scale = (part[chosen, None] for part in self._single)
        with np.errstate(invalid="ignore", over="ignore"):
            scaled: Values = values - high
            scaled -= low
            scaled /= scale
            np.clip(scaled, -_LIMIT, _LIMIT, out=scaled)
            scaled += values * np.float32(0)  # nothing, but NaN where a value is infinite
        return scaled

    def credible(self, values: Values, asset: str) -> NDArray[np.bool_]:
        """Which of ``[rows, channels]`` can have been measured: within a thousand units of the usual."""
        row = self.rows_of([asset])[0]
        with np.errstate(invalid="ignore", over="ignore"):
            far = np.abs(values - self.location[row]) > _INCREDIBLE * self.scale[row]
        return np.asarray(~far, dtype=np.bool_)

    def inverse(self, scaled: Values, assets: Sequence[str]) -> Values:
        """``[batch, channels]`` back in the sensors' own units."""
        chosen = self.rows_of(assets)
        return (scaled * self.scale[chosen] + self.location[chosen]).astype(np.float32)


class _Moments(NamedTuple):
    """Of every channel ``[channels]``: where it lies, its scale, whether it said anything, and ever moved."""

    location: Array
    scale: Array
    known: NDArray[np.bool_]
    moved: NDArray[np.bool_]

    @classmethod
    def of(cls, pieces: Sequence[Values]) -> _Moments:
        """One channel at a time: all of them in double precision would not fit beside a long span."""
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
        """An asset's own, and those of all assets for a sensor that said nothing or never moved here."""
        return self._replace(
            location=np.where(self.known, self.location, pooled.location),
            scale=np.where(self.moved, self.scale, pooled.scale),
        )


def _median(widths: Array) -> float:
    return float(np.median(widths)) if len(widths) else 1.0


def _rows(pieces: Sequence[Values]) -> int:
    return sum(len(piece) for piece in pieces)


def _column(values: Values) -> tuple[float, float, float, float]:
    """Count, mean, width and largest size of a channel's finite values; the width of a constant is 0."""
    known = values[np.isfinite(values)].astype(np.float64)
    if not len(known):
        return 0.0, 0.0, 0.0, 0.0
    believed = _believed(known)
    return float(len(known)), float(believed.mean()), _width(believed), float(np.abs(believed).max())


def _believed(known: Array) -> Array:
    """Without what a broken transmitter sends: one reading of 1e30 would make its sensor blind for good."""
    low, inner_low, middle, inner_high, high = np.quantile(known, _QUANTILES)
    way, distance = high - low, np.abs(known - middle)
    far = distance > _FAR * way
    if not way or far.mean() > _RARE:
        far[:] = False
    absurd = distance > _ABSURD * max(inner_high - inner_low, abs(middle), 1.0)
    believed: Array = known[~far & ~absurd]
    return believed


def _width(known: Array) -> float:
    """The standard deviation; of a switch, which knows two or three positions, the way between the outermost.

    Over its deviation, a valve that opens once a day would jump by ten units: every command would look like a
    fault, and hide the faults of the sensors beside it.
    """
    low, high = known.min(), known.max()
    between = known[(known > low) & (known < high)]
    switch = not len(between) or bool((between == between[0]).all())
    return float(high - low if switch else known.std())
