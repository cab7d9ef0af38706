"""Stage 0: two linear predictors in closed form; cheap beside the network, and hard to beat.

R, a ridge regression, predicts a whole hop from the rows before it. V, a vector autoregression, predicts each
row from the ``var_order`` rows before it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor
from torch.nn import functional

from tfstream.model.detector_config import DetectorConfig
from tfstream.model.numerics.precision import round_to_half

_LARGEST_INPUT = 1024  # numbers that V predicts a row from, at most
_LARGEST_FILL = 10.0  # as the scaler clips
_CACHE_LINE = 16  # numbers
_WINDOWS_AT_ONCE = 512  # in double precision


@dataclass(frozen=True, kw_only=True)
class ClosedForm:
    """Principal directions ``basis [channels, r]``, ``var_basis [channels, v]``; weights map lags to rows.

    ``ridge_weights [ridge_rows * r, hop * channels]``, ``var_weights [order * v, channels]``.
    """

    basis: Tensor
    ridge_weights: Tensor
    var_basis: Tensor
    var_weights: Tensor

    @cached_property
    def _wide_weights(self) -> Tensor:
        """V's weights, padded with zero columns to whole cache lines.

        They are a third faster to multiply, and the last bit of a window does not depend on its place in the
        batch.
        """
        return functional.pad(self.var_weights, (0, -self.var_weights.shape[1] % _CACHE_LINE))

    def fill_missing(self, windows: Tensor, config: DetectorConfig) -> Tensor:
        """Replace missing values of ``[batch, rows, channels]`` with V's predictions, row after row.

        The mean in their place would look like a fault: a silent sensor would spoil the predictions of
        others.
        """
        if not windows.sum().isnan():  # a single pass, without a mask
            return windows
        missing = windows.isnan()
        filled = windows.nan_to_num()
        for row in range(config.var_order, windows.shape[1]):
            lagged = _lagged(filled[:, row - config.var_order : row], self.var_basis, config.var_order)
            expected = (lagged.flatten(0, 1) @ self._wide_weights)[:, : windows.shape[2]]
            expected = expected.clamp(-_LARGEST_FILL, _LARGEST_FILL)
            filled[:, row] = torch.where(missing[:, row], expected, filled[:, row])
        return filled

    def predict_hop(self, windows: Tensor, config: DetectorConfig) -> Tensor:
        """R's prediction of the newest hop of ``[batch, rows, channels]``: ``[batch, hop, channels]``."""
        hop, lags = config.hop_rows, config.ridge_rows
        visible = windows[:, :-hop]
        inputs = _reduced(visible[:, -lags:], self.basis).flatten(1)  # [batch, lags * r]
        change = (inputs @ self.ridge_weights).unflatten(1, (hop, -1))  # [batch, hop, channels]
        return visible[:, -1:] + change

    def row_errors(self, windows: Tensor, config: DetectorConfig) -> Tensor:
        """V's squared errors on the newest hop, a weighted mean of its rows: ``[batch, channels]``.

        Later rows have more weight: a hop-wise exponential mean then equals the row-wise exponential mean
        over ``config.memory_rows``.
        """
        order, rows = config.var_order, config.hop_rows
        lagged = _lagged(windows[:, -rows - order : -1], self.var_basis, order)  # [batch, hop, order * v]
        predicted = lagged.flatten(0, 1) @ self._wide_weights  # a single product for all windows
        predicted = predicted[:, : windows.shape[2]].unflatten(0, lagged.shape[:2])
        error = (windows[:, -rows:] - predicted).square()  # [batch, hop, channels]
        return (error * _recency(config)[:, None]).sum(1)


def fit(windows: Tensor, config: DetectorConfig) -> ClosedForm:
    """Fit both predictors to standardised training windows without gaps, ``[batch, rows, channels]``."""
    channels = windows.shape[2]
    basis = _principal(windows, min(config.principal, channels))
    var_basis = _var_basis(windows, config)
    return ClosedForm(
        basis=basis,
        ridge_weights=round_to_half(_fit_ridge(windows, basis, config)),
        var_basis=var_basis,
        var_weights=_fit_var(windows, var_basis, config),
    )


def _var_basis(windows: Tensor, config: DetectorConfig) -> Tensor:
    """The identity; the first principal directions if all channels would be too many inputs."""
    channels = windows.shape[2]
    most = _LARGEST_INPUT // config.var_order
    return torch.eye(channels) if channels <= most else _principal(windows, most)


def _fit_ridge(windows: Tensor, basis: Tensor, config: DetectorConfig) -> Tensor:
    hop, lags = config.hop_rows, config.ridge_rows

    def pairs(some: Tensor) -> tuple[Tensor, Tensor]:
        visible = some[:, :-hop]
        change = some[:, -hop:] - visible[:, -1:]
        return _reduced(visible[:, -lags:], basis).flatten(1), change.flatten(1)

    return _solve(windows, pairs, config.ridge)


def _fit_var(windows: Tensor, basis: Tensor, config: DetectorConfig) -> Tensor:
    """Fit V to the rows of each window's newest hop, so that every training row counts about once."""
    order, rows = config.var_order, config.hop_rows

    def pairs(some: Tensor) -> tuple[Tensor, Tensor]:
        lagged = _lagged(some[:, -rows - order : -1], basis, order)
        return lagged.flatten(0, 1), some[:, -rows:].flatten(0, 1)

    return _solve(windows, pairs, config.var_ridge)


def _reduced(rows: Tensor, basis: Tensor) -> Tensor:
    """Project ``rows [batch, n, channels]`` to components ``[batch, n, r]``; a square basis is skipped."""
    if basis.shape[0] == basis.shape[1]:
        return rows
    return (rows.flatten(0, 1) @ basis).unflatten(0, rows.shape[:2])


def _lagged(rows: Tensor, basis: Tensor, order: int) -> Tensor:
    """The inputs of V: ``[batch, order + n - 1, channels]`` to ``[batch, n, order * v]``."""
    return _reduced(rows, basis).unfold(1, order, 1).transpose(2, 3).flatten(2)


def _recency(config: DetectorConfig) -> Tensor:
    """The weights of the rows of a hop in an exponential mean, oldest first, with sum 1: ``[hop]``."""
    weights = (1 - 1 / config.memory_rows) ** torch.arange(config.hop_rows - 1, -1, -1)
    return weights / weights.sum()


def _principal(windows: Tensor, count: int) -> Tensor:
    """The first principal directions of the rows, ``[channels, count]``."""
    channels = windows.shape[2]
    gram = torch.zeros(channels, channels, dtype=torch.double)
    for some in windows.split(_WINDOWS_AT_ONCE):
        rows = some.flatten(0, 1).double()  # [n, channels]
        gram += rows.T @ rows
    values, vectors = torch.linalg.eigh(gram)
    return vectors[:, values.argsort(descending=True)[:count]].float().contiguous()


def _solve(windows: Tensor, pairs: Callable[[Tensor], tuple[Tensor, Tensor]], penalty: float) -> Tensor:
    """Ridge regression by the normal equations, in double precision, some windows at a time: ``[p, q]``.

    :param pairs: maps windows to inputs ``[n, p]`` and targets ``[n, q]``.
    """
    gram = cross = torch.zeros((), dtype=torch.double)
    for some in windows.split(_WINDOWS_AT_ONCE):
        x, y = (part.double() for part in pairs(some))
        gram, cross = gram + x.T @ x, cross + x.T @ y
    penalised = gram + penalty * torch.eye(len(gram), dtype=torch.double)
    return torch.linalg.solve(penalised, cross).float().contiguous()
