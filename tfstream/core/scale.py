"""Standardisation: per asset where an asset has enough rows, pooled over all of them otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from tfstream.core.reading import Series, Values

_LIMIT = 10.0
_FLOOR = 0.05  # of the median live channel's standard deviation
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

    def __post_init__(self) -> None:
        object.__setattr__(self, "_index", {asset: i for i, asset in enumerate(self.assets)})

    @classmethod
    def fit(cls, series: Sequence[Series]) -> Scaler:
        """From aligned training series; rows of one asset may come in several pieces."""
        by_asset: dict[str, list[Values]] = {}
        for one in series:
            by_asset.setdefault(one.asset, []).append(one.values)
        rows = {asset: np.concatenate(pieces) for asset, pieces in by_asset.items()}
        pooled = np.concatenate(list(rows.values()))
        own = tuple(sorted(asset for asset, values in rows.items() if len(values) >= _ROWS_OF_ITS_OWN))
        location, scale = _moments(pooled)
        live = np.isfinite(pooled).any(axis=0)
        found = [_moments(rows[asset], fallback=(location, scale)) for asset in own]
        return cls(
            assets=own,
            location=np.stack([*(one[0] for one in found), location]),
            scale=np.stack([*(one[1] for one in found), scale]),
            live=live,
        )

    def rows_of(self, assets: Sequence[str]) -> NDArray[np.int64]:
        """``[batch]``: which row of ``location`` and ``scale`` serves each asset."""
        pooled = len(self.assets)
        return np.array([self._index.get(asset, pooled) for asset in assets], dtype=np.int64)

    def transform(self, values: Values, assets: Sequence[str]) -> Values:
        """``[batch, rows, channels]`` in standard units, clipped at ±10; NaN and ±inf come out as NaN."""
        chosen = self.rows_of(assets)
        with np.errstate(invalid="ignore", over="ignore"):
            scaled = values - self.location[chosen, None]
            scaled /= self.scale[chosen, None]
        np.clip(scaled, -_LIMIT, _LIMIT, out=scaled)
        result = scaled.astype(np.float32)
        result[~np.isfinite(values)] = np.nan
        return result

    def inverse(self, scaled: Values, assets: Sequence[str]) -> Values:
        """``[batch, channels]`` back in the sensors' own units."""
        chosen = self.rows_of(assets)
        return (scaled * self.scale[chosen] + self.location[chosen]).astype(np.float32)


def _moments(values: Values, fallback: tuple[Array, Array] | None = None) -> tuple[Array, Array]:
    """Mean and floored deviation of ``[rows, channels]``; a dead channel gets the median of the live."""
    finite = np.where(np.isfinite(values), values, np.nan).astype(np.float64)
    counts = np.isfinite(finite).sum(axis=0)
    total = np.where(counts > 0, np.nansum(finite, axis=0), 0.0)
    mean = total / np.maximum(counts, 1)
    spread = np.sqrt(np.nansum((finite - mean) ** 2, axis=0) / np.maximum(counts, 1))
    live = (counts > 0) & (spread > 1e-9 * np.maximum(np.abs(mean), 1e-3))
    median = float(np.median(spread[live])) if live.any() else 1.0
    scale = np.where(live, np.maximum(spread, _FLOOR * median), median)
    if fallback is None:
        return mean, scale
    silent = counts == 0
    return np.where(silent, fallback[0], mean), np.where(silent, fallback[1], scale)
