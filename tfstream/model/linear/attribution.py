"""Which sensors a strange window is put down to.

A sensor gone wrong spoils V's predictions of all the sensors it helps to predict, so that large errors are
not where the fault is. V is linear, though: how the errors would fall if one sensor's newest rows had been
others is a small least-squares problem for each sensor, whatever those rows should have been. The sensor
for which they fall most is the first to blame; what is left is put down to the next one, as long as a
further one pays. (Reconstruction-based contributions: Alcala and Qin, Automatica 45(7), 2009; there for
principal components.)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from tfstream.model.detector_config import DetectorConfig
from tfstream.model.linear.predictors import ClosedForm
from tfstream.model.numerics.threads import one_thread

_MOST = 5
_LARGEST_FAULT = 3.0  # deviations: how wrong a row may be; larger faults are only less likely
_LASTING = 0.5  # correlation of a fault from row to row: a lasting shift costs less than a rattle
_LEAST_EVIDENCE = 1e-6  # of the first sensor to blame where none pays


class SensorBlame(NamedTuple):
    """A sensor's index, the ``evidence`` against it, and in ``fault [n]`` how wrong its newest rows are.

    The evidence is twice the log of how much likelier the errors are with a fault in this sensor, beyond
    those blamed before it, than without.
    """

    sensor: int
    evidence: float
    fault: Tensor


@dataclass(frozen=True, kw_only=True)
class Attribution:
    """``effect [order + 1, channels, channels]``: what one unit in a channel does to each error, by lag.

    Errors are in units of ``usual [channels]``, their deviation in training. ``inverse [channels, n, n]``
    solves for the newest ``n`` rows of a channel, ``price [channels]`` is what so many free numbers are
    worth.
    """

    effect: Tensor
    usual: Tensor
    inverse: Tensor
    price: Tensor

    @torch.inference_mode()
    @one_thread()
    def explain(self, window: Tensor, known: Tensor) -> list[SensorBlame]:
        """``window [rows, channels]`` standardised, gaps filled; ``known [channels]`` may be blamed.

        The guiltiest first: at least one sensor, unless none is known.
        """
        recent = window[-self.inverse.shape[1] :].double()
        return list(self._culprits(self._errors(recent) * known, known))

    def _culprits(self, errors: Tensor, known: Tensor) -> Iterator[SensorBlame]:
        free = known.bool().clone()
        for place in range(min(_MOST, int(free.sum()))):
            trace = self._traces(errors)
            fault = torch.einsum("cij,cj->ci", self.inverse, trace)
            evidence = ((trace * fault).sum(1) - self.price).where(free, -torch.inf)
            sensor = int(evidence.argmax())
            if evidence[sensor] <= 0 and place:
                return
            yield SensorBlame(sensor, max(float(evidence[sensor]), _LEAST_EVIDENCE), fault[sensor])
            free[sensor] = False
            errors = errors - self._errors_of(sensor, fault[sensor]) * known

    def _errors(self, recent: Tensor) -> Tensor:
        """V's errors on all but the first ``order`` rows, ``[n - order, channels]``, in usual units."""
        order = len(self.effect) - 1
        lags = recent.unfold(0, order + 1, 1).flip(2)  # [n - order, channels, lag]
        return torch.einsum("tca,acd->td", lags, self.effect)

    def _errors_of(self, sensor: int, fault: Tensor) -> Tensor:
        """What a fault ``[n]`` in one sensor adds to the errors."""
        return fault.unfold(0, len(self.effect), 1).flip(1) @ self.effect[:, sensor]

    def _traces(self, errors: Tensor) -> Tensor:
        """How much each row of each channel has to do with the errors, ``[channels, n]``: the adjoint."""
        rows, order = len(errors), len(self.effect) - 1
        trace = errors.new_zeros(errors.shape[1], rows + order)
        for lag, effect in enumerate(self.effect):
            trace[:, order - lag : order - lag + rows] += effect @ errors.T
        return trace


@torch.inference_mode()
@one_thread()
def attribution(linear: ClosedForm, usual_errors: Tensor, config: DetectorConfig) -> Attribution:
    """From V's weights and its mean squared errors in training, ``[channels]``."""
    usual = usual_errors.double().sqrt()
    effect = _effect(linear, config) / usual
    order, rows = config.var_order, config.band_rows
    n = rows + order
    between = torch.einsum("aik,bik->abi", effect, effect)  # of two lags, within a channel
    prior = _prior(n)
    gram = torch.linalg.inv(prior).repeat(len(usual), 1, 1)
    for row in range(order, n):
        seen = torch.arange(row, row - order - 1, -1)
        gram[:, seen[:, None], seen] += between.permute(2, 0, 1)
    return Attribution(
        effect=effect,
        usual=usual,
        inverse=torch.linalg.inv(gram),
        price=torch.logdet(prior @ gram),
    )


def _prior(rows: int) -> Tensor:
    """Covariance of a fault's rows, ``[rows, rows]``: what is wrong now was wrong a row ago, too."""
    apart = (torch.arange(rows)[:, None] - torch.arange(rows)).abs().double()
    return _LARGEST_FAULT**2 * _LASTING**apart


def _effect(linear: ClosedForm, config: DetectorConfig) -> Tensor:
    """Error of each channel by channel and lag, lag 0 first: the row itself less what the rows before say."""
    order, channels = config.var_order, linear.var_weights.shape[1]
    weights = linear.var_weights.double().unflatten(0, (order, -1))  # oldest row first
    lagged = linear.var_basis.double() @ weights  # [order, channels, channels]
    return torch.cat([torch.eye(channels, dtype=torch.double)[None], -lagged.flip(0)])
