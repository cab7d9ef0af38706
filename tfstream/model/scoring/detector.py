"""Windows to scores: the trained detector."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tfstream.core.alarms.calibration import Calibration
from tfstream.core.reading import Values
from tfstream.core.scaler import Scaler
from tfstream.core.stream import sensors_sha256
from tfstream.core.windowing.window import WindowShape
from tfstream.model.detector_config import DetectorConfig
from tfstream.model.linear.agreement import Agreement
from tfstream.model.linear.attribution import Attribution, SensorBlame, attribution
from tfstream.model.linear.bands import BandChange, change
from tfstream.model.linear.predictors import ClosedForm
from tfstream.model.network.inference import PreparedNetwork
from tfstream.model.network.transformer import TimeFrequencyTransformer
from tfstream.model.numerics.precision import Products, product_type
from tfstream.model.numerics.threads import one_thread
from tfstream.model.scoring.bank import Bank
from tfstream.model.scoring.fusion import Fusion, follow
from tfstream.model.scoring.memory import Memory
from tfstream.model.scoring.terms import CHUNK, ERRORS, TERMS, all_terms, extract


class Measurement(NamedTuple):
    """Of every window: raw ``terms [batch, 9]``, and ``usual [batch]``, what term V is expected to be there.

    By sensor ``[batch, sensors]``: ``actual`` is the mean of the newest hop and ``expected`` what was
    predicted, in the sensor's own units; NaN where masked.
    """

    terms: Values
    usual: Values
    actual: Values
    expected: Values


class WindowExplanation(NamedTuple):
    """A sensor's index, the evidence against it (see ``Blamed``), and the band that changed most.

    ``expected`` is what the newest hop's mean should have been, in the sensor's own units: the rows less the
    fault. A prediction from the rows before would have learnt a lasting fault from its own first rows.
    """

    sensor: int
    evidence: float
    expected: float
    band: BandChange


@dataclass(frozen=True, kw_only=True)
class ScoringModel:
    """Everything that scoring a window takes; immutable.

    ``usual_errors [5, sensors]`` is the size of each sensor's training errors.
    """

    definition_sensors: tuple[str, ...]
    interval_us: int
    config: DetectorConfig
    scaler: Scaler
    linear: ClosedForm
    network: TimeFrequencyTransformer
    agreement: Agreement
    memory: Memory
    bank: Bank
    usual_errors: Tensor
    fusion: Fusion
    products: Products  # what the network's products are computed in
    history: dict[str, Any] = field(default_factory=dict)  # how training went

    @property
    def window_rows(self) -> int:
        return self.config.window_rows

    @property
    def hop_rows(self) -> int:
        return self.config.hop_rows

    @property
    def shape(self) -> WindowShape:
        """The rows of a window and of a hop."""
        return WindowShape(self.config.window_rows, self.config.hop_rows)

    @property
    def live(self) -> NDArray[np.bool_]:
        """``[sensors]``: those that said anything in training."""
        return self.scaler.live

    @cached_property
    def prepared(self) -> PreparedNetwork:
        """The network as scoring takes it."""
        return PreparedNetwork(self.network, self.config.band_rows, product_type(self.products))

    def measure(self, windows: Values, assets: Sequence[str]) -> Measurement:
        """Raw windows ``[batch, rows, sensors]``, NaN where missing, to terms and expectations.

        Windows go through in chunks of one fixed size, so that a window's numbers are the same, bit for bit,
        whatever other windows it is computed with.

        :raises ValueError: when the windows have another shape than the detector was trained for.
        """
        expected = (len(assets), self.config.window_rows, len(self.definition_sensors))
        if windows.shape != expected:
            raise ValueError(f"windows have the shape {windows.shape}; this detector takes {expected}")
        with one_thread():
            pieces = [
                self._measure_chunk(windows[at : at + CHUNK], assets[at : at + CHUNK])
                for at in range(0, len(assets), CHUNK)
            ]
        return Measurement(*(np.concatenate(parts) for parts in zip(*pieces, strict=True)))

    def follow(
        self, terms: Values, before: Sequence[float] | NDArray[np.float64] | None
    ) -> NDArray[np.float64]:
        """A window's terms ``[9]``, smoothed with those that were smoothed a hop earlier, if any."""
        raw = terms.astype(np.float64)
        return raw if before is None else follow(raw, np.asarray(before, dtype=np.float64), self.config)

    def fuse(self, followed: NDArray[np.float64], usual: Values) -> NDArray[np.float64]:
        """Smoothed terms ``[n, 9]`` and what V is expected to be ``[n]`` to scores; larger is stranger."""
        return self.fusion.scores(followed, usual.astype(np.float64))

    @torch.inference_mode()
    def departures(self, window: Values, asset: str) -> Values:
        """How far each sensor's level lies from what all others say of it, for a raw window: ``[sensors]``.

        Beyond 1 either way is what normal data show in one hop of a hundred.
        """
        scaled = torch.from_numpy(self.scaler.transform(window[None], [asset]))
        found: Values = self.agreement.departures(self.linear.complete(scaled, self.config), self.config)[
            0
        ].numpy()
        return found

    def known(self, scaled: Values) -> NDArray[np.bool_]:
        """``[batch, sensors]``: those without a gap in the newest rows that the errors are taken on."""
        whole = ~np.isnan(scaled[:, -self.config.band_rows :]).any(axis=1)
        return np.asarray(whole & self.live, dtype=np.bool_)

    @torch.inference_mode()
    def _measure_chunk(self, windows: Values, assets: Sequence[str]) -> Measurement:
        """At most CHUNK windows; the chunk is filled up with zeros."""
        count = len(assets)
        chunk = torch.zeros(CHUNK, *windows.shape[1:])  # torch's own memory: always aligned alike
        scaled = chunk.numpy()[:count]
        scaled[:] = self.scaler.transform(windows, assets)
        known = torch.ones(CHUNK, windows.shape[2])
        known[:count] = torch.from_numpy(self.known(scaled))
        filled = self.linear.complete(chunk, self.config)
        looked = extract(filled, known, self.prepared, self.linear, self.config)
        terms, usual = all_terms(looked, self.usual_errors, self.memory, self.bank, self.config)
        blank = np.where(known[:count].bool().numpy(), np.float32(0), np.float32(np.nan))
        with np.errstate(invalid="ignore"):
            actual = windows[:, -self.config.hop_rows :].mean(axis=1, dtype=np.float64).astype(np.float32)
        expected = self.scaler.inverse(looked.predicted[:count].numpy(), assets)
        return Measurement(terms[:count].numpy(), usual[:count].numpy(), actual + blank, expected + blank)


@dataclass(frozen=True, kw_only=True)
class Detector(ScoringModel):
    """A scoring model and what its scores are on normal data that it has not learnt from."""

    calibration: Calibration

    @cached_property
    def attribution(self) -> Attribution:
        """What finds the guilty sensors; made once for a model."""
        return attribution(self.linear, self.usual_errors[ERRORS.index("V")], self.config)

    def explain(self, window: Values, asset: str) -> list[WindowExplanation]:
        """The sensors to blame for a raw window ``[rows, sensors]``, the guiltiest first.

        It takes four or five times as long as scoring, and few windows need it: those of open episodes.
        """
        scaled = self.scaler.transform(window[None], [asset])
        known = torch.from_numpy(self.known(scaled)[0])
        filled = self.linear.complete(torch.from_numpy(scaled), self.config)[0]
        row = self.scaler.rows_of([asset])[0]
        return [
            self._explanation(one, window, filled, row) for one in self.attribution.explain(filled, known)
        ]

    def _explanation(
        self, blamed: SensorBlame, window: Values, filled: Tensor, row: int
    ) -> WindowExplanation:
        """What changed in a sensor, in its own units; ``row`` of the scaler serves the asset."""
        sensor, recent = blamed.sensor, slice(-self.config.band_rows, None)
        location, scale = (float(each[row, sensor]) for each in (self.scaler.location, self.scaler.scale))
        expected = (filled[recent, sensor] - blamed.fault[recent]) * scale + location
        actual = torch.from_numpy(window[recent, sensor].astype(np.float64))  # unlike the scaled, not clipped
        band = change(actual, expected, float(self.attribution.usual[sensor]) * scale, self.hop_rows)
        return WindowExplanation(sensor, blamed.evidence, float(expected[-self.hop_rows :].mean()), band)

    def describe(self) -> dict[str, Any]:
        """What is worth keeping beside the model."""
        parameters = sum(parameter.numel() for parameter in self.network.parameters())
        return {
            "parameters": parameters,
            "sensors_sha256": sensors_sha256(self.definition_sensors),
            "config_sha256": self.config.sha256,
            "memory_windows": int(self.memory.a.shape[1]),
            "bank_windows": len(self.bank.usual),
            "weights": {name: round(float(w), 3) for name, w in zip(TERMS, self.fusion.weight, strict=True)},
            "calibration_weeks": self.calibration.weeks,
            "calibration_clusters": self.calibration.clusters,
            "tail_sigma": self.calibration.sigma,
            "tail_xi": self.calibration.xi,
            **self.history,
        }
