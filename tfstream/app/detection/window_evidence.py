"""The detector's evidence about one scored window: the sensors that cause its score."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tfstream.app.detection.score_batch import WindowScore
from tfstream.core.alarms.hop_evidence import HopEvidence
from tfstream.core.alarms.judgement import Judgement
from tfstream.core.alarms.sensor_shares import with_shares
from tfstream.core.messages.anomaly_event import BandShift, SensorShare, rounded
from tfstream.core.messages.witness import Witness
from tfstream.core.reading import Values
from tfstream.core.stream import StreamDefinition

if TYPE_CHECKING:  # torch takes two seconds to import, and most commands do not need it
    from tfstream.app.detection.followed_span import WitnessVerdict
    from tfstream.app.detection.instrument_batch import InstrumentVerdict
    from tfstream.model.linear.bands import BandChange
    from tfstream.model.scoring.detector import Detector, WindowExplanation


class WindowExplainer:
    """Explains the scores of one stream's windows under one detector."""

    def __init__(self, definition: StreamDefinition, detector: Detector) -> None:
        self._sensors = definition.sensors
        self._row_s = definition.interval_us / 1e6
        self._detector = detector
        self._sensor_index = {name: index for index, name in enumerate(definition.sensors)}
        self._levels_heard = any(tail.witness is Witness.LEVELS for tail in detector.witnesses.admitted)

    def evidence(self, scored: WindowScore) -> WindowEvidence:
        """Evidence about a scored window; it is computed when a method is called."""
        return WindowEvidence(self, scored)

    def witness_evidence(self, asset: str, window: Values, verdict: WitnessVerdict) -> WitnessEvidence:
        """Evidence of a witness about the newest rows of a window ``[rows, sensors]``."""
        return WitnessEvidence(self, asset, window, verdict)

    def heard(
        self,
        asset: str,
        window: Values,
        verdict: WitnessVerdict | None,
        unusual: InstrumentVerdict | None,
    ) -> list[HeardJudgement]:
        """What the witnesses and the checks of instruments say about the newest rows of a window."""
        heard = []
        if verdict is not None:
            heard.append(HeardJudgement(verdict.judgement, self.witness_evidence(asset, window, verdict)))
        if unusual is not None:
            evidence = InstrumentEvidence(self, asset, window, unusual)
            heard.append(HeardJudgement(unusual.judgement, evidence))
        return heard

    def departs(self, window: Values, asset: str, sensors: Sequence[str]) -> bool:
        """Whether the level of one of these sensors disagrees with the level of the others.

        Only where no witness looks at levels: such a witness speaks by itself as long as they disagree, and
        its normal values were seen on later rows. An alarm that this comparison keeps open may never end.
        """
        if self._levels_heard:
            return False
        departures = np.abs(self._detector.departures(window, asset))
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

    def witness_sensors(self, asset: str, verdict: WitnessVerdict) -> tuple[SensorShare, ...]:
        """The sensors that depart, the largest share first; none where an older row keeps it speaking."""
        scale = self._detector.scaler.scale[self._detector.scaler.rows_of([asset])[0]]
        return with_shares(
            SensorShare(
                name=self._sensors[departure.sensor],
                share=0.0,
                actual=_finite(float(verdict.shown[departure.sensor])),
                expected=_finite(
                    float(verdict.shown[departure.sensor] - departure.excess * scale[departure.sensor])
                ),
                evidence=rounded(departure.strength),
            )
            for departure in verdict.departures
        )

    def _share(self, scored: WindowScore, explained: WindowExplanation, evidence: float) -> SensorShare:
        less = 0.0 if scored.less is None else float(np.nan_to_num(scored.less[explained.sensor]))
        return SensorShare(
            name=self._sensors[explained.sensor],
            share=0.0,
            actual=_finite(float(scored.actual[explained.sensor]) + less),
            expected=_finite(explained.expected + less),
            evidence=rounded(evidence),
            band=self._band(explained.band, less),
        )

    def _band(self, band: BandChange, less: float) -> BandShift:
        """A band's change; a level is what the sensor shows, with the shift ``less`` that stands."""
        level = less if band.longest is None else 0.0
        return BandShift(
            shortest_s=rounded(band.shortest * self._row_s),
            longest_s=None if band.longest is None else rounded(band.longest * self._row_s),
            actual=rounded(band.actual + level),
            expected=rounded(band.expected + level),
        )


class WindowEvidence(NamedTuple):
    """A :class:`tfstream.core.alarms.hop_evidence.HopEvidence` that runs the detector on a window."""

    explainer: WindowExplainer
    scored: WindowScore

    def sensors(self) -> tuple[SensorShare, ...]:
        return self.explainer.sensors(self.scored)

    def departs(self, sensors: Sequence[str]) -> bool:
        return self.explainer.departs(self.scored.window, self.scored.asset, sensors)


class WitnessEvidence(NamedTuple):
    """A :class:`tfstream.core.alarms.hop_evidence.HopEvidence` of a witness other than the score."""

    explainer: WindowExplainer
    asset: str
    window: Values
    verdict: WitnessVerdict

    def sensors(self) -> tuple[SensorShare, ...]:
        return self.explainer.witness_sensors(self.asset, self.verdict)

    def departs(self, sensors: Sequence[str]) -> bool:
        return self.explainer.departs(self.window, self.asset, sensors)


class InstrumentEvidence(NamedTuple):
    """A :class:`tfstream.core.alarms.hop_evidence.HopEvidence` of the checks of instruments."""

    explainer: WindowExplainer
    asset: str
    window: Values
    verdict: InstrumentVerdict

    def sensors(self) -> tuple[SensorShare, ...]:
        return self.verdict.sensors

    def departs(self, sensors: Sequence[str]) -> bool:
        return self.explainer.departs(self.window, self.asset, sensors)


class HeardJudgement(NamedTuple):
    """A judgement of a window, and the evidence of its witness."""

    judgement: Judgement
    evidence: HopEvidence


def _finite(value: float) -> float | None:
    return rounded(value) if np.isfinite(value) else None
