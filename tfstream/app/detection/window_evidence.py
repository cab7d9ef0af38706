"""The detector's evidence about one scored window: the sensors that cause its score."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tfstream.app.detection.score_batch import WindowScore
from tfstream.core.alarms.sensor_shares import with_shares
from tfstream.core.messages.anomaly_event import BandShift, SensorShare, rounded
from tfstream.core.stream import StreamDefinition

if TYPE_CHECKING:  # torch takes two seconds to import, and most commands do not need it
    from tfstream.model.linear.bands import BandChange
    from tfstream.model.scoring.detector import Detector, WindowExplanation


class WindowExplainer:
    """Explains the scores of one stream's windows under one detector."""

    def __init__(self, definition: StreamDefinition, detector: Detector) -> None:
        self._sensors = definition.sensors
        self._row_s = definition.interval_us / 1e6
        self._detector = detector
        self._sensor_index = {name: index for index, name in enumerate(definition.sensors)}

    def evidence(self, scored: WindowScore) -> WindowEvidence:
        """Evidence about a scored window; it is computed when a method is called."""
        return WindowEvidence(self, scored)

    def departs(self, scored: WindowScore, sensors: Sequence[str]) -> bool:
        """Whether the level of one of these sensors disagrees with the level of the others."""
        departures = np.abs(self._detector.departures(scored.window, scored.asset))
        index = self._sensor_index
        return any(departures[index[name]] > 1 for name in sensors if name in index)

    def sensors(self, scored: WindowScore) -> tuple[SensorShare, ...]:
        """The sensors that cause a score, the largest share first."""
        explanations = self._detector.explain(scored.window, scored.asset)
        total = sum(sensor.evidence for sensor in explanations)
        # The root makes evidence a fault's size in deviations: one large hop must not outweigh all others.
        return with_shares(
            self._share(scored, sensor, sensor.evidence / total**0.5) for sensor in explanations
        )

    def _share(self, scored: WindowScore, explained: WindowExplanation, evidence: float) -> SensorShare:
        return SensorShare(
            name=self._sensors[explained.sensor],
            share=0.0,
            actual=_finite(float(scored.actual[explained.sensor])),
            expected=_finite(explained.expected),
            evidence=rounded(evidence),
            band=self._band(explained.band),
        )

    def _band(self, band: BandChange) -> BandShift:
        return BandShift(
            shortest_s=rounded(band.shortest * self._row_s),
            longest_s=None if band.longest is None else rounded(band.longest * self._row_s),
            actual=rounded(band.actual),
            expected=rounded(band.expected),
        )


class WindowEvidence(NamedTuple):
    """A :class:`tfstream.core.alarms.hop_evidence.HopEvidence` that runs the detector on a window."""

    explainer: WindowExplainer
    scored: WindowScore

    def sensors(self) -> tuple[SensorShare, ...]:
        return self.explainer.sensors(self.scored)

    def departs(self, sensors: Sequence[str]) -> bool:
        return self.explainer.departs(self.scored, sensors)


def _finite(value: float) -> float | None:
    return rounded(value) if np.isfinite(value) else None
