"""Windows to scores: the trained detector."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tfstream.core.calibration import Calibration
from tfstream.core.reading import Values
from tfstream.core.scale import Scaler
from tfstream.model.closed_form import ClosedForm
from tfstream.model.config import DetectorConfig
from tfstream.model.memory import Memory
from tfstream.model.network import TimeFrequencyTransformer
from tfstream.model.terms import SMOOTHED, ChannelErrors, look, weights, with_memory
from tfstream.model.threads import one_thread

CHUNK = 32
_SMALLEST_TERM = 1e-6


class Measurement(NamedTuple):
    """Of every window: raw ``terms [batch, 8]``; by sensor ``[batch, sensors]`` its ``share`` in the error.

    ``actual`` is the mean of its newest hop and ``expected`` what was predicted, in the sensor's own units;
    NaN where masked.
    """

    terms: Values
    share: Values
    actual: Values
    expected: Values


class TermScale(NamedTuple):
    """How each log term lies on training windows: ``median`` and ``spread [8]``."""

    median: NDArray[np.float64]
    spread: NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class ScoringModel:
    """Everything that scoring a window takes; immutable.

    ``channel_scale [3, sensors]`` is the 95 % quantile of each sensor's training errors, for the shares.
    """

    definition_sensors: tuple[str, ...]
    interval_us: int
    config: DetectorConfig
    scaler: Scaler
    linear: ClosedForm
    network: TimeFrequencyTransformer
    memory: Memory
    term_scale: TermScale
    channel_scale: Values
    history: dict[str, Any] = field(default_factory=dict)  # how training went

    @property
    def window_rows(self) -> int:
        return self.config.window_rows

    @property
    def hop_rows(self) -> int:
        return self.config.hop_rows

    @property
    def live(self) -> NDArray[np.bool_]:
        """``[sensors]``: those that said anything in training."""
        return self.scaler.live

    def measure(self, windows: Values, assets: Sequence[str]) -> Measurement:
        """Raw windows ``[batch, rows, sensors]``, NaN where missing, to terms and shares.

        Windows go through in chunks of one fixed size, so that a window's numbers are the same, bit for bit,
        whatever other windows it is computed with.

        :raises ValueError: when the windows have another shape than the detector was trained for.
        """
        expected = (len(assets), self.config.window_rows, len(self.definition_sensors))
        if windows.shape != expected:
            raise ValueError(f"windows have the shape {windows.shape}; this detector takes {expected}")
        scaled = self.scaler.transform(windows, assets)
        known = self.known(scaled)
        with one_thread():
            pieces = [self._measure_chunk(*chunk) for chunk in _chunks(scaled, known)]
        joined = (np.concatenate(parts)[: len(assets)] for parts in zip(*pieces, strict=True))
        terms, share, predicted = joined
        with np.errstate(invalid="ignore"):
            actual = windows[:, -self.config.hop_rows :].mean(axis=1)
        blank = np.where(known, np.float32(0), np.float32(np.nan))
        return Measurement(terms, share, actual + blank, self.scaler.inverse(predicted, assets) + blank)

    def fuse(self, terms: Values, previous: Values) -> NDArray[np.float64]:
        """Raw terms ``[n, 8]`` and those one hop earlier to scores ``[n]``; larger is stranger."""
        values = np.where(SMOOTHED, (terms.astype(np.float64) + previous) / 2, terms)
        z = (np.log(values + _SMALLEST_TERM) - self.term_scale.median) / self.term_scale.spread
        weighted = np.logaddexp(0.0, z) * np.array(weights(self.config))
        scores: NDArray[np.float64] = weighted.sum(axis=1)  # not @, whose sums depend on the batch's size
        return scores

    def known(self, scaled: Values) -> NDArray[np.bool_]:
        """``[batch, sensors]``: those without a gap in the newest rows that the errors are taken on."""
        whole = ~np.isnan(scaled[:, -self.config.band_rows :]).any(axis=1)
        return np.asarray(whole & self.live, dtype=np.bool_)

    @torch.inference_mode()
    def _measure_chunk(self, scaled: Values, known: NDArray[np.bool_]) -> tuple[Values, Values, Values]:
        windows = torch.from_numpy(scaled).nan_to_num()  # torch's own memory: always aligned alike
        looked = look(windows, torch.from_numpy(known).float(), self.network, self.linear, self.config)
        share = _shares(looked.channels, torch.from_numpy(self.channel_scale))
        terms = with_memory(looked, self.memory)
        return terms.numpy(), share.numpy(), looked.channels.predicted.numpy()


@dataclass(frozen=True, kw_only=True)
class Detector(ScoringModel):
    """A scoring model and what its scores are on normal data that it has not learnt from."""

    calibration: Calibration

    def describe(self) -> dict[str, Any]:
        """What is worth keeping beside the model."""
        parameters = sum(parameter.numel() for parameter in self.network.parameters())
        return {
            "parameters": parameters,
            "memory_windows": int(self.memory.a.shape[1]),
            "calibration_weeks": self.calibration.weeks,
            "calibration_clusters": self.calibration.clusters,
            "tail_sigma": self.calibration.sigma,
            "tail_xi": self.calibration.xi,
            **self.history,
        }


def _chunks(scaled: Values, known: NDArray[np.bool_]) -> Iterator[tuple[Values, NDArray[np.bool_]]]:
    """Pieces of exactly CHUNK windows; the last one is filled up with zeros."""
    padding = -len(scaled) % CHUNK
    scaled = np.concatenate([scaled, np.zeros((padding, *scaled.shape[1:]), np.float32)])
    known = np.concatenate([known, np.ones((padding, known.shape[1]), np.bool_)])
    for start in range(0, len(scaled), CHUNK):
        yield scaled[start : start + CHUNK], known[start : start + CHUNK]


def _shares(errors: ChannelErrors, scale: Tensor) -> Tensor:
    """Each sensor's part in the errors' excess over their usual size, ``[batch, sensors]``, summing to 1."""
    ratios = (
        torch.stack([errors.ridge, errors.rows, errors.frequency]) / scale[:, None]
    )  # [3, batch, sensors]
    excess = (ratios - 1).clamp(min=0).sum(0)
    excess = torch.where(excess.sum(1, keepdim=True) > 0, excess, ratios.sum(0))
    return excess / excess.sum(1, keepdim=True).clamp(min=1e-12)
