"""How much of each sensor the other sensors predict, on rows that the model has not learnt from.

A sensor that no other sensor predicts has nobody to vouch for it: a slow fault within its range looks like
the process.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tfstream.core.learning.held_out import HeldOutPiece
from tfstream.core.messages.witness import Witness
from tfstream.core.reading import Values
from tfstream.core.stream import StreamDefinition
from tfstream.model.scoring.detector import Detector
from tfstream.model.witnesses.advance import NewRows, advance
from tfstream.model.witnesses.grid_model import GridModel

_MOST_ROWS = 8_192
_LEAST_ROWS = 32  # of a grid
_STILL = 1e-6  # variance, in standard units, of a sensor that does not move

Array = NDArray[np.float64]


def predicted_shares(
    definition: StreamDefinition, detector: Detector, pieces: Sequence[HeldOutPiece]
) -> Array | None:
    """The share ``[sensors]`` of each sensor's variance that the other sensors predict, from 0 to 1.

    It is that of the levels on which they say most; NaN for a sensor that does not move. None where the
    stream admits no witness that compares levels.
    """
    model = detector.witnesses
    tails = [tail for tail in model.admitted if tail.witness is Witness.LEVELS]
    if not tails:
        return None
    sensors = len(definition.sensors)
    variances = np.zeros((len(tails), 2, sensors))  # left by the others, and of the sensor
    for piece in pieces:
        asset, times_us, values = piece.series
        rows = detector.counters.transform(values)[: max(_MOST_ROWS // len(pieces), _LEAST_ROWS)]
        end = int(times_us[0]) // definition.interval_us + len(rows) - 1
        grids = advance(model.grids, detector.scaler, [NewRows(asset, None, rows, end)]).grids
        for number, tail in enumerate(tails):
            if tail.level < len(grids):
                usable = ~np.isnan(grids[tail.level].values[:, tail.statistic])
                levels = grids[tail.level].compared[tail.statistic][usable]
                if len(levels) >= _LEAST_ROWS:
                    left = _left(model.grids[tail.level], tail.statistic, levels, asset)
                    variances[number] += left.var(axis=0), levels.var(axis=0, dtype=np.float64)
    left, own = variances[:, 0], variances[:, 1]
    with np.errstate(invalid="ignore", divide="ignore"):
        shares = np.where(own > _STILL, np.maximum(1 - left / own, 0.0), np.nan)
    largest: Array = np.fmax.reduce(shares, axis=0)
    return largest


def _left(grid: GridModel, number: int, levels: Values, asset: str) -> Array:
    """What the other sensors leave of levels ``[n, sensors]``."""
    comparison = grid.comparisons[number]
    if number in grid.own:
        comparison = grid.own[number].merged(asset, comparison)
    left: Array = comparison.departures(levels).astype(np.float64) / comparison.root.numpy()
    return left
