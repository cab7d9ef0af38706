"""Completes a row with missing cells: by the rows before it, and by the other sensors at the same moment."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tfstream.core.reading import Values

_MOST_GAINS = 64  # sets of missing sensors whose gains are kept: most sensors are missing for many rows


class RowCompletion:
    """Puts into missing cells what is expected there.

    The predictor says what is expected after the rows before. The errors of the other sensors say what else
    is expected: when a load rises, all sensors of the load have errors. Without it, the sensor would seem to
    lag behind the others, and all of them would depart.

    ``predictor`` and ``basis`` are those of the grid's model; ``precision [sensors, sensors]`` is the inverse
    of the covariance of the predictor's errors.
    """

    def __init__(self, predictor: Tensor, basis: Tensor | None, precision: NDArray[np.float64]) -> None:
        self._by_sensor, self._basis = predictor.T.contiguous(), basis
        self._precision = precision
        self._gains: dict[bytes, Tensor] = {}

    def complete(self, before: Values, row: Values) -> Values:
        """The row ``[sensors]``, NaN where missing, after ``before [order, sensors]``, the newest first."""
        missing = np.isnan(row)
        lags = torch.from_numpy(before).clone()  # torch's own memory: always aligned alike
        lagged = lags if self._basis is None else torch.mm(lags, self._basis)
        predicted: Values = torch.mv(self._by_sensor, lagged.flatten()).numpy()
        errors = torch.from_numpy((row - predicted)[~missing])
        completed = row.copy()
        completed[missing] = predicted[missing] + torch.mv(self._gain(missing), errors.clone()).numpy()
        return completed

    def _gain(self, missing: NDArray[np.bool_]) -> Tensor:
        """What the errors of the other sensors say about those of the missing ones: ``[missing, others]``.

        With ``P`` the precision it is ``- inv(P[missing, missing]) P[missing, others]``.
        """
        key = missing.tobytes()
        if key not in self._gains:
            if len(self._gains) >= _MOST_GAINS:
                self._gains.clear()
            rows = self._precision[missing]
            gain = -np.linalg.solve(rows[:, missing], rows[:, ~missing])
            self._gains[key] = torch.from_numpy(gain.astype(np.float32))
        return self._gains[key]
