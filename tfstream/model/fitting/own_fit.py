"""Decides which sensors of which assets have comparisons of their own, and fits these.

Own comparisons are learnt from fewer rows than the common one. So they must show on rows later than those
learnt from that they say more about a sensor: what is left of the sensor, after what the other sensors say,
must have half of the variance there at most.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from tfstream.core.reading import Series, Values
from tfstream.core.scaler import Scaler
from tfstream.model.fitting.grid_fit import exponential_mean, grid_means, standard_rows
from tfstream.model.fitting.learning_parts import WATCHED, rows_before, rows_of_part
from tfstream.model.witnesses.comparison import USUAL_QUANTILE, RowComparison, fit_comparison
from tfstream.model.witnesses.grid_model import GridModel
from tfstream.model.witnesses.own_comparison import OwnComparison
from tfstream.model.witnesses.pyramid import FIRST_LEVELS, GRID_ROWS, LEVEL_RATES, SPANS

_LEAST_ROWS_BY_SENSOR = 3  # of a grid before the first watched part: the evidence decides
_MOST_WEIGHTS = 32 * 2**20  # 64 MiB in half precision
_BETTER = np.log(0.5)  # of the variance on later rows
_LEAST_VARIANCE = 1e-4  # in standard units
_MOST_ROWS, _LEAST_ROWS = 32_768, 4_096  # that the comparisons of all assets, of an asset are fitted to
_LEAD_SPANS = 4  # of a level, before rows that are watched

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]


class _Evidence(NamedTuple):
    """What an asset's own comparison was worth on later rows, by sensor.

    ``change [sensors]`` is that of the logarithm of the variance that is left of a sensor. ``own`` and
    ``common [sensors]`` are the departures that one in a hundred of these rows exceeds, in what was usual.
    ``moved [sensors, sensors]`` is by how much a sensor (row) that is wrong by a standard unit makes each
    sensor depart from its own comparison, ``seen [sensors]`` from the common one itself.
    """

    change: Array
    own: Array
    common: Array
    moved: Values
    seen: Values


class _Chosen(NamedTuple):
    """``sensors [own]``, and by how much more than learnt their departures are usual: ``widened [own]``."""

    sensors: NDArray[np.int64]
    widened: Array


@dataclass(frozen=True, kw_only=True)
class OwnFit:
    """``assets`` that may have own comparisons, by grid; ``refused`` says why no asset may have them."""

    series: Sequence[Series]
    scaler: Scaler
    assets: tuple[tuple[str, ...], ...]
    refused: str | None = None
    chosen: Mapping[tuple[int, int], _Chosen] = field(default_factory=dict)

    def choose(self, fits: Mapping[int, Sequence[GridModel]]) -> OwnFit:
        """Choose the sensors of each statistic, by the grids that were fitted before watched parts."""
        chosen = {}
        for level, assets in enumerate(self.assets):
            for span in range(len(SPANS)) if assets else ():
                number = FIRST_LEVELS + span
                evidence = [
                    self._evidence(asset, part, level, span, grids[level].comparisons[number])
                    for part, grids in fits.items()
                    for asset in assets
                ]
                better = _choose([each for each in evidence if each is not None])
                if better is not None:
                    chosen[level, number] = better
        return replace(self, chosen=chosen)

    def with_own(self, grids: Sequence[GridModel], part: int) -> list[GridModel]:
        """The grids with own comparisons that are fitted to the rows before a part."""
        owns: list[dict[int, OwnComparison]] = [{} for _ in grids]
        for (level, number), (sensors, widened) in self.chosen.items():
            common = grids[level].comparisons[number]
            fitted = [
                self._fit(asset, part, level, number - FIRST_LEVELS, common) for asset in self.assets[level]
            ]
            at = torch.from_numpy(sensors)
            owns[level][number] = OwnComparison(
                assets=self.assets[level],
                sensors=at,
                weights=torch.stack([each.weights[:, at] for each in fitted]),
                root=torch.stack([each.root[at] for each in fitted]),
                usual=torch.stack([each.usual[at] for each in fitted])
                * torch.from_numpy(widened.astype(np.float32)),
            )
        return [replace(grid, own=own) for grid, own in zip(grids, owns, strict=True)]

    def _fit(self, asset: str, part: int, level: int, span: int, common: RowComparison) -> RowComparison:
        """A comparison of an asset with the mean of the common one."""
        pieces = [
            self._levels(piece, 0, level, span)
            for piece in rows_before([each for each in self.series if each.asset == asset], part)
        ]
        rows = np.concatenate(pieces)
        most = max(_MOST_ROWS // len(self.assets[level]), _LEAST_ROWS)
        some = rows[:: -(-len(rows) // most)] - common.mean.numpy()
        return fit_comparison(some.astype(np.float64), 2 * len(rows) / SPANS[span], centred=False)

    def _evidence(
        self, asset: str, part: int, level: int, span: int, common: RowComparison
    ) -> _Evidence | None:
        """What a comparison of an asset's rows before a part is worth in this part; None without rows."""
        series = [piece for piece in self.series if piece.asset == asset]
        later = [
            self._levels(piece, first, level, span, last) for piece, first, last in rows_of_part(series, part)
        ]
        rows = sum(map(len, later))
        if not rows:
            return None
        deviations = np.concatenate(later)[:: -(-rows // _LEAST_ROWS)] - common.mean.numpy()
        own = self._fit(asset, part, level, span, common)
        (before, common_usual), (after, own_usual) = (_left(each, deviations) for each in (common, own))
        moved = (own.weights.abs() / own.usual).numpy()
        return _Evidence(after - before, own_usual, common_usual, moved, (common.root / common.usual).numpy())

    def _levels(self, piece: Series, first: int, level: int, span: int, last: int | None = None) -> Values:
        """The levels of a piece from row ``first`` to ``last``, in standard units: ``[n, sensors]``."""
        rows = GRID_ROWS[level]
        lead = min(first // rows, _LEAD_SPANS * SPANS[span])
        values = piece.values[first - lead * rows : last]
        means = grid_means(standard_rows(self.scaler, values, piece.asset), rows)
        return exponential_mean(means, LEVEL_RATES[span])[lead:] if len(means) else means


def own_fit(series: Sequence[Series], scaler: Scaler, heights: int) -> OwnFit:
    """Find the assets of a stream that have enough rows of each grid for comparisons of their own."""
    sensors = series[0].values.shape[1]
    names = sorted({piece.asset for piece in series})
    if len(names) == 1:
        return OwnFit(series=series, scaler=scaler, assets=((),) * heights)
    first = rows_before(series, WATCHED[0])
    rows = [
        {name: sum(len(piece.values) // size for piece in first if piece.asset == name) for name in names}
        for size in GRID_ROWS[:heights]
    ]
    least = _LEAST_ROWS_BY_SENSOR * sensors
    assets = tuple(tuple(name for name in names if counts[name] >= least) for counts in rows)
    weights = sum(map(len, assets)) * len(SPANS) * sensors**2
    if weights <= _MOST_WEIGHTS:
        return OwnFit(series=series, scaler=scaler, assets=assets)
    refused = (
        f"own comparisons of {len(assets[0])} assets may need {weights / 2**19:.0f} MiB, "
        f"more than {_MOST_WEIGHTS / 2**19:.0f} MiB"
    )
    return OwnFit(series=series, scaler=scaler, assets=((),) * heights, refused=refused)


def _left(comparison: RowComparison, deviations: Values) -> tuple[Array, Array]:
    """What the other sensors leave of each sensor: the logarithm of its variance, and its usual departure."""
    departures = deviations.astype(np.float64) @ comparison.weights.numpy()
    variance = np.square(departures / comparison.root.numpy()).mean(axis=0)
    usual = np.quantile(np.abs(departures), USUAL_QUANTILE, axis=0) / comparison.usual.numpy()
    return np.log(variance + _LEAST_VARIANCE), usual


def _choose(evidence: Sequence[_Evidence]) -> _Chosen | None:
    """The sensors about which own comparisons say more, beyond the error of the mean; None without any.

    Fewer rows give a narrower view of what is usual. It is widened until later rows depart as rarely from own
    comparisons as from the common one.
    """
    if len(evidence) < len(WATCHED):
        return None
    changes, own, common = (np.array([each[field] for each in evidence]) for field in range(3))
    change = changes.mean(axis=0)
    better = change + changes.std(axis=0) / np.sqrt(len(changes)) <= _BETTER
    if not better.any():
        return None
    widened = np.maximum(np.sqrt(np.square(own).mean(axis=0) / np.square(common).mean()), 1.0)
    moved = np.mean([each.moved for each in evidence], axis=0) / widened
    seen = np.mean([each.seen for each in evidence], axis=0)
    sensors = np.flatnonzero(_with_blamed(better, moved, seen, change <= 0))
    return _Chosen(sensors, widened[sensors])


def _with_blamed(better: Flags, moved: Array, seen: Array, may: Flags) -> Flags:
    """The sensors that are ``better`` compared by their own, and those for whose faults they would be blamed.

    A sensor that is wrong moves the sensors that it predicts. Where a narrow own comparison of one of these
    departs by more than the wrong sensor from its common comparison, this one needs its own, too.
    """
    chosen = better
    while True:
        largest = moved[:, chosen].max(axis=1)
        more: Flags = chosen | (may & (largest > seen))
        if (more == chosen).all():
            return chosen
        chosen = more
