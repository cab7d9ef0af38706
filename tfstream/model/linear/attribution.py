"""Which sensors are to blame for an abnormal window.

A faulty sensor spoils V's predictions of all the sensors that it helps to predict, so the largest errors need
not be at the faulty sensor. But V is linear: how much the errors would fall if the newest rows of a sensor
were replaced is a small least-squares problem for each sensor. The sensor with the largest fall is blamed
first; the errors that remain are explained by the next sensor, as long as another sensor explains enough.
(Reconstruction-based contributions: Alcala and Qin, Automatica 45(7), 2009; there for principal components.)
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

_MOST = 5  # sensors to blame, at most
_FAULT_DEVIATION = 3.0  # standard deviation of a fault's rows, in standard units
_LASTING = 0.5  # correlation of a fault from row to row: a lasting shift is likelier than a rattle
_LEAST_EVIDENCE = 1e-6  # of the first sensor to blame, if no sensor explains enough


class SensorBlame(NamedTuple):
    """A sensor's index, the ``evidence`` against it, and the error of its newest rows, ``fault [n]``.

    The evidence is twice the log likelihood ratio of the errors with a fault in this sensor, in addition to
    the sensors blamed before it, and without.
    """

    sensor: int
    evidence: float
    fault: Tensor


@dataclass(frozen=True, kw_only=True)
class Attribution:
    """``effect [order + 1, channels, channels]``: the effect of a unit in a channel on each error, by lag.

    Errors are in units of ``usual [channels]``, their standard deviation in training. ``inverse [channels, n,
    n]`` solves for the newest ``n`` rows of a channel; ``price [channels]`` is the evidence that ``n`` free
    numbers reach without a fault.
    """

    effect: Tensor
    usual: Tensor
    inverse: Tensor
    price: Tensor

    @torch.inference_mode()
    @one_thread()
    def explain(self, window: Tensor, known: Tensor) -> list[SensorBlame]:
        """The sensors to blame, the most blamed first; at least one sensor, unless none is known.

        :param window: standardised, gaps filled, ``[rows, channels]``.
        :param known: 1 for the channels that may be blamed, else 0, ``[channels]``.
        """
        recent = window[-self.inverse.shape[1] :].double()
        return list(self._blamed(self._errors(recent) * known, known))

    def _blamed(self, errors: Tensor, known: Tensor) -> Iterator[SensorBlame]:
        free = known.bool().clone()
        for count in range(min(_MOST, int(free.sum()))):
            trace = self._traces(errors)  # [channels, n]
            fault = torch.einsum("cij,cj->ci", self.inverse, trace)  # [channels, n]
            evidence = ((trace * fault).sum(1) - self.price).where(free, -torch.inf)  # [channels]
            sensor = int(evidence.argmax())
            if evidence[sensor] <= 0 and count:
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
        """What a fault ``[n]`` in a sensor adds to the errors, ``[n - order, channels]``."""
        return fault.unfold(0, len(self.effect), 1).flip(1) @ self.effect[:, sensor]

    def _traces(self, errors: Tensor) -> Tensor:
        """The adjoint of :meth:`_errors`, from errors ``[n - order, channels]`` to rows ``[channels, n]``."""
        rows, order = len(errors), len(self.effect) - 1
        trace = errors.new_zeros(errors.shape[1], rows + order)
        for lag, effect in enumerate(self.effect):
            trace[:, order - lag : order - lag + rows] += effect @ errors.T
        return trace


@torch.inference_mode()
@one_thread()
def fit_attribution(linear: ClosedForm, usual_errors: Tensor, config: DetectorConfig) -> Attribution:
    """Prepare the attribution from V's weights and its mean squared errors in training, ``[channels]``."""
    usual = usual_errors.double().sqrt()
    effect = _effect(linear, config) / usual
    order, rows = config.var_order, config.band_rows
    n = rows + order
    between = torch.einsum("aik,bik->abi", effect, effect)  # [lag, lag, channels]
    prior = _fault_prior(n)
    gram = torch.linalg.inv(prior).repeat(len(usual), 1, 1)
    for row in range(order, n):
        used = torch.arange(row, row - order - 1, -1)
        gram[:, used[:, None], used] += between.permute(2, 0, 1)
    return Attribution(
        effect=effect,
        usual=usual,
        inverse=torch.linalg.inv(gram),
        price=torch.logdet(prior @ gram),
    )


def _fault_prior(rows: int) -> Tensor:
    """The covariance of the rows of a fault, ``[rows, rows]``: a fault now was probably there a row ago."""
    apart = (torch.arange(rows)[:, None] - torch.arange(rows)).abs().double()
    return _FAULT_DEVIATION**2 * _LASTING**apart


def _effect(linear: ClosedForm, config: DetectorConfig) -> Tensor:
    """V's error as a linear map of the newest rows, lag 0 first: ``[order + 1, channels, channels]``."""
    order, channels = config.var_order, linear.var_weights.shape[1]
    weights = linear.var_weights.double().unflatten(0, (order, -1))  # [order, v, channels], oldest row first
    lagged = linear.var_basis.double() @ weights  # [order, channels, channels]
    return torch.cat([torch.eye(channels, dtype=torch.double)[None], -lagged.flip(0)])
