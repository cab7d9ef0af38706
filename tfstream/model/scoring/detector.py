"""The trained detector: from windows to terms and scores, and the sensors to blame."""

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
from tfstream.core.instruments.counters import CounterTransform
from tfstream.core.instruments.instrument_limits import InstrumentLimits
from tfstream.core.reading import Values
from tfstream.core.scaler import Scaler
from tfstream.core.stream import sensors_sha256
from tfstream.core.windowing.window import WindowShape, step_rows
from tfstream.model.detector_config import DetectorConfig
from tfstream.model.linear.agreement import Agreement
from tfstream.model.linear.attribution import Attribution, SensorBlame, fit_attribution
from tfstream.model.linear.bands import BandChange, change
from tfstream.model.linear.predictors import ClosedForm
from tfstream.model.network.inference import PreparedNetwork
from tfstream.model.network.transformer import TimeFrequencyTransformer
from tfstream.model.numerics.precision import Products, product_type
from tfstream.model.numerics.threads import one_thread
from tfstream.model.scoring.bank import Bank
from tfstream.model.scoring.fusion import Fusion, smooth
from tfstream.model.scoring.memory import Memory
from tfstream.model.scoring.terms import CHUNK, ERRORS, TERMS, compute_terms, extract
from tfstream.model.witnesses.witness_model import WitnessModel


class Measurement(NamedTuple):
    """What the detector measures of each window.

    ``terms [batch, 9]`` are not smoothed yet; ``usual [batch]`` is the expected V. ``actual`` and ``expected
    [batch, sensors]`` are the mean of the newest hop and its prediction, in the sensors' own units, for a
    counter its rise in a row; NaN where masked. ``missing [batch, sensors]`` is the part of a sensor's values
    that is missing, 0 for sensors without a value in training.
    """

    terms: Values
    usual: Values
    actual: Values
    expected: Values
    missing: Values


class WindowExplanation(NamedTuple):
    """A sensor's index, the evidence against it (see ``SensorBlame``), and the band that changed most.

    ``expected`` is what the mean of the newest hop should have been, in the sensor's own units: the rows less
    the fault. A prediction from the rows before would contain a lasting fault itself.
    """

    sensor: int
    evidence: float
    expected: float
    band: BandChange


@dataclass(frozen=True, kw_only=True)
class ScoringModel:
    """Everything that scoring a window needs; immutable.

    ``usual_errors [5, sensors]`` is the usual size of each sensor's errors in training.
    """

    definition_sensors: tuple[str, ...]
    interval_us: int
    config: DetectorConfig
    scaler: Scaler
    instruments: InstrumentLimits
    linear: ClosedForm
    network: TimeFrequencyTransformer
    agreement: Agreement
    memory: Memory
    bank: Bank
    usual_errors: Tensor
    fusion: Fusion
    products: Products  # the precision of the network's products
    history: dict[str, Any] = field(default_factory=dict)  # how training went

    @property
    def window_rows(self) -> int:
        return self.config.window_rows

    @property
    def hop_rows(self) -> int:
        return self.config.hop_rows

    @property
    def shape(self) -> WindowShape:
        """The rows of a window and of a hop, and the rows between two windows."""
        hop = self.config.hop_rows
        return WindowShape(self.config.window_rows, hop, step_rows(self.interval_us, hop))

    @property
    def live(self) -> NDArray[np.bool_]:
        """``[sensors]``: true for sensors that had any value in training."""
        return self.scaler.live

    @cached_property
    def counters(self) -> CounterTransform:
        """Replaces counters by their differences, before the scaler."""
        return CounterTransform(self.instruments.counters)

    @cached_property
    def prepared(self) -> PreparedNetwork:
        """The network in the form that scoring uses."""
        return PreparedNetwork(self.network, self.config.band_rows, product_type(self.products))

    def measure(self, windows: Values, assets: Sequence[str]) -> Measurement:
        """Measure raw windows ``[batch, rows, sensors]``, NaN where missing; counters are differenced here.

        Windows are computed in chunks of a fixed size, so that the numbers of a window are the same, bit for
        bit, whatever other windows are in the batch.

        :raises ValueError: when the windows have another shape than the detector was trained for.
        """
        expected = (len(assets), self.config.window_rows, len(self.definition_sensors))
        if windows.shape != expected:
            raise ValueError(f"windows have the shape {windows.shape}; this detector takes {expected}")
        windows = self.counters.transform(windows)
        with one_thread():
            pieces = [
                self._measure_chunk(windows[at : at + CHUNK], assets[at : at + CHUNK])
                for at in range(0, len(assets), CHUNK)
            ]
        return Measurement(*(np.concatenate(parts) for parts in zip(*pieces, strict=True)))

    def smooth(
        self, terms: Values, before: Sequence[float] | NDArray[np.float64] | None
    ) -> NDArray[np.float64]:
        """Smooth the terms ``[9]`` of a window with the smoothed terms of the hop before, None for none."""
        raw = terms.astype(np.float64)
        return raw if before is None else smooth(raw, np.asarray(before, dtype=np.float64), self.config)

    def fuse(self, smoothed: NDArray[np.float64], measured: Measurement) -> NDArray[np.float64]:
        """Scores ``[n]`` of measured windows from smoothed terms ``[n, 9]``; larger is more anomalous."""
        return self.fusion.scores(
            smoothed, measured.usual.astype(np.float64), measured.missing.astype(np.float64)
        )

    @torch.inference_mode()
    def departures(self, window: Values, asset: str) -> Values:
        """How far each sensor's level is from the level that all others predict: ``[sensors]``.

        Normal data exceed 1, either way, in one hop of a hundred.

        :param window: raw, ``[rows, sensors]``.
        """
        scaled = torch.from_numpy(self.scaler.transform(self.counters.transform(window)[None], [asset]))
        filled = self.linear.fill_missing(scaled, self.config)  # [1, rows, sensors]
        departures: Values = self.agreement.departures(filled, self.config)[0].numpy()
        return departures

    def known(self, scaled: Values) -> NDArray[np.bool_]:
        """``[batch, sensors]``: true for live sensors without a gap in the newest ``band_rows``."""
        complete = ~np.isnan(scaled[:, -self.config.band_rows :]).any(axis=1)
        return np.asarray(complete & self.live, dtype=np.bool_)

    @torch.inference_mode()
    def _measure_chunk(self, windows: Values, assets: Sequence[str]) -> Measurement:
        """Measure at most CHUNK windows; the chunk is padded with zeros."""
        count = len(assets)
        chunk = torch.zeros(CHUNK, *windows.shape[1:])  # torch's own memory: always aligned alike
        scaled = chunk.numpy()[:count]
        scaled[:] = self.scaler.transform(windows, assets)
        known = torch.ones(CHUNK, windows.shape[2])
        known[:count] = torch.from_numpy(self.known(scaled))
        missing = np.isnan(scaled).mean(axis=1, dtype=np.float32) * self.live
        filled = self.linear.fill_missing(chunk, self.config)
        features = extract(filled, known, self.prepared, self.linear, self.config)
        terms, usual = compute_terms(features, self.usual_errors, self.memory, self.bank, self.config)
        blank = np.where(known[:count].bool().numpy(), np.float32(0), np.float32(np.nan))
        with np.errstate(invalid="ignore"):
            actual = windows[:, -self.config.hop_rows :].mean(axis=1, dtype=np.float64).astype(np.float32)
        expected = self.scaler.inverse(features.predicted[:count].numpy(), assets)
        return Measurement(
            terms[:count].numpy(), usual[:count].numpy(), actual + blank, expected + blank, missing
        )


@dataclass(frozen=True, kw_only=True)
class Detector(ScoringModel):
    """A scoring model with the calibration of its scores on normal data that it has not learnt from."""

    calibration: Calibration
    witnesses: WitnessModel = field(default_factory=WitnessModel)

    @cached_property
    def attribution(self) -> Attribution:
        """What finds the sensors to blame; computed once for a model."""
        return fit_attribution(self.linear, self.usual_errors[ERRORS.index("V")], self.config)

    def explain(self, window: Values, asset: str) -> list[WindowExplanation]:
        """The sensors to blame for a raw window ``[rows, sensors]``, the most blamed first.

        This takes four or five times as long as scoring; only windows of open episodes need it.
        """
        window = self.counters.transform(window)
        scaled = self.scaler.transform(window[None], [asset])
        known = torch.from_numpy(self.known(scaled)[0])
        filled = self.linear.fill_missing(torch.from_numpy(scaled), self.config)[0]
        row = self.scaler.rows_of([asset])[0]
        return [
            self._explanation(blame, window, filled, row) for blame in self.attribution.explain(filled, known)
        ]

    def _explanation(self, blame: SensorBlame, window: Values, filled: Tensor, row: int) -> WindowExplanation:
        """What changed in a sensor, in its own units; ``row`` is the scaler's row for the asset."""
        sensor, recent = blame.sensor, slice(-self.config.band_rows, None)
        location, scale = (float(each[row, sensor]) for each in (self.scaler.location, self.scaler.scale))
        expected = (filled[recent, sensor] - blame.fault[recent]) * scale + location
        actual = torch.from_numpy(window[recent, sensor].astype(np.float64))  # unlike the scaled, not clipped
        band = change(actual, expected, float(self.attribution.usual[sensor]) * scale, self.hop_rows)
        return WindowExplanation(sensor, blame.evidence, float(expected[-self.hop_rows :].mean()), band)

    def _describe_slow_sensors(self) -> dict[str, float]:
        """After how many seconds without a value each sensor that sends rarely is silent."""
        limits, row_s = self.instruments, self.interval_us / 1e6
        return {
            self.definition_sensors[sensor]: limits.silent_after_rows("", sensor) * row_s
            for sensor in limits.slow_sensors("", self.hop_rows)
        }

    def describe(self) -> dict[str, Any]:
        """The metrics that are stored with the model."""
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
            "witnesses": self.witnesses.describe(),
            "counters": [self.definition_sensors[counter] for counter in self.instruments.counters],
            "slow_sensors": self._describe_slow_sensors(),
            "checks_off": self.instruments.describe_off(self.definition_sensors),
            **self.history,
        }
