"""Learns by how much a missing sensor raises the terms of a normal window.

The predictions in place of a missing sensor have none of its noise, so that the window looks unlike all
windows of the training: the fewer sensors there are, the more. That must not raise an alarm about the others.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tfstream.core.reading import Values
from tfstream.model.fitting.training_windows import TrainingPiece, gather, index_windows
from tfstream.model.scoring.detector import ScoringModel
from tfstream.model.scoring.fusion import logs_of
from tfstream.model.scoring.terms import TERMS

_MOST_WINDOWS = 4_096  # of all sensors together
_MOST_BY_SENSOR, _LEAST_BY_SENSOR = 32, 8


def missing_rises(model: ScoringModel, held: Sequence[TrainingPiece]) -> NDArray[np.float64]:
    """By how much the logarithm of each term rises without each sensor: ``[sensors, 9]``, never below 0.

    :param held: held-out pieces in the sensors' own units; each sensor in turn is taken out of some of their
        windows.
    """
    sensors = len(model.definition_sensors)
    rises = np.zeros((sensors, len(TERMS)))
    index = index_windows(held, model.window_rows, model.hop_rows)
    if not len(index.piece):
        return rises
    count = int(np.clip(_MOST_WINDOWS // sensors, _LEAST_BY_SENSOR, _MOST_BY_SENSOR))
    some = index.take(np.unique(np.linspace(0, len(index.piece) - 1, count).astype(np.int64)))
    windows = gather(held, some, model.window_rows)
    assets = [held[piece].asset for piece in some.piece.tolist()]
    usual = _logs(model, windows, assets)
    for sensor in np.flatnonzero(model.live).tolist():
        without = windows.copy()
        without[:, :, sensor] = np.nan
        rises[sensor] = np.median(_logs(model, without, assets) - usual, axis=0)
    return np.maximum(rises, 0.0)


def _logs(model: ScoringModel, windows: Values, assets: Sequence[str]) -> NDArray[np.float64]:
    measured = model.measure(windows, assets)
    return logs_of(measured.terms.astype(np.float64), measured.usual.astype(np.float64))
