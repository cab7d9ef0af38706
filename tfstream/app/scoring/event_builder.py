"""How a stream's scores and episodes are put into messages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tfstream.app.scoring.score_batch import Champion, WindowScore
from tfstream.core.alarms.episode import EpisodeEvent
from tfstream.core.alarms.judgement import Judgement
from tfstream.core.alarms.sensor_shares import with_shares
from tfstream.core.messages.anomaly_event import (
    AnomalyEvent,
    BandShift,
    ModelReference,
    ScoreRecord,
    SensorShare,
    SourceSpan,
    anomaly_id,
    iso,
    rounded,
)
from tfstream.core.state import encode
from tfstream.core.stream import StreamDefinition
from tfstream.core.windowing.asset_track import Window
from tfstream.streaming.records import Output
from tfstream.streaming.topics import anomalies_topic, scores_topic

if TYPE_CHECKING:  # torch takes two seconds to import: most commands do without
    from tfstream.model.linear.bands import BandChange
    from tfstream.model.scoring.detector import WindowExplanation


class EventBuilder:
    """Writes the messages of one stream under one model."""

    def __init__(self, definition: StreamDefinition, champion: Champion) -> None:
        self._definition = definition
        self._detector = champion.detector
        self._place = {name: place for place, name in enumerate(definition.sensors)}
        self._model = ModelReference(version=champion.version, sha256=champion.sha256)
        self._anomalies = anomalies_topic(definition.topic)
        self._scores = scores_topic(definition.topic)

    def event(self, partition: int, asset: str, told: EpisodeEvent) -> Output:
        """A record of ``<topic>.anomalies``."""
        episode = told.episode
        event = AnomalyEvent(
            event=told.event,
            anomaly_id=anomaly_id(self._definition.topic, asset, episode.kind, episode.started_us),
            sequence=episode.sequence,
            topic=self._definition.topic,
            asset=asset,
            started_at=iso(episode.started_us),
            ended_at=None if episode.ended_us is None else iso(episode.ended_us),
            peak_at=iso(episode.peak_us),
            score=episode.score,
            threshold=episode.threshold,
            expected_per_week=episode.expected_per_week,
            extrapolated=episode.extrapolated,
            kind=episode.kind,
            sensors=episode.sensors,
            model=self._model,
            source=SourceSpan(
                partition=partition, first_offset=episode.first_offset, last_offset=episode.last_offset
            ),
        )
        return Output(self._anomalies, asset.encode(), encode(event))

    def score(self, asset: str, window: Window, judgement: Judgement, masked: tuple[str, ...]) -> Output:
        """A record of ``<topic>.scores``."""
        record = ScoreRecord(
            topic=self._definition.topic,
            asset=asset,
            ts=iso(window.end_us(self._definition.interval_us)),
            score=judgement.value,
            threshold=judgement.threshold,
            model_version=self._model.version,
            masked=masked,
        )
        return Output(self._scores, asset.encode(), encode(record))

    def testimony(self, scored: WindowScore) -> WindowEvidence:
        """What the rule may ask of a scored window."""
        return WindowEvidence(self, scored)

    def departs(self, scored: WindowScore, sensors: Sequence[str]) -> bool:
        """Whether one of these sensors has a level that the others do not agree with."""
        departures = np.abs(self._detector.departures(scored.window, scored.asset))
        return any(departures[self._place[name]] > 1 for name in sensors if name in self._place)

    def sensors(self, scored: WindowScore) -> tuple[SensorShare, ...]:
        """The sensors that a score is put down to, largest share first."""
        found = self._detector.explain(scored.window, scored.asset)
        total = sum(one.evidence for one in found)
        # by its root, evidence is a fault's size in deviations: one large hop does not outvote all others
        return with_shares(self._sensor(scored, one, one.evidence / total**0.5) for one in found)

    def _sensor(self, scored: WindowScore, blamed: WindowExplanation, evidence: float) -> SensorShare:
        return SensorShare(
            name=self._definition.sensors[blamed.sensor],
            share=0.0,
            actual=_known(float(scored.actual[blamed.sensor])),
            expected=_known(blamed.expected),
            evidence=rounded(evidence),
            band=self._band(blamed.band),
        )

    def _band(self, band: BandChange) -> BandShift:
        row_s = self._definition.interval_us / 1e6
        return BandShift(
            shortest_s=rounded(band.shortest * row_s),
            longest_s=None if band.longest is None else rounded(band.longest * row_s),
            actual=rounded(band.actual),
            expected=rounded(band.expected),
        )


class WindowEvidence(NamedTuple):
    """A scored window, ready to be asked."""

    teller: EventBuilder
    scored: WindowScore

    def sensors(self) -> tuple[SensorShare, ...]:
        """See :class:`tfstream.core.alarms.episode.Testimony`."""
        return self.teller.sensors(self.scored)

    def departs(self, sensors: Sequence[str]) -> bool:
        """See :class:`tfstream.core.alarms.episode.Testimony`."""
        return self.teller.departs(self.scored, sensors)


def silent_sensors(names: tuple[str, ...]) -> tuple[SensorShare, ...]:
    """Sensors of a silence: nothing is known of their values."""
    return tuple(SensorShare(name=name, share=0.0, actual=None, expected=None) for name in names)


def _known(value: float) -> float | None:
    return rounded(value) if np.isfinite(value) else None
