"""How a stream's scores and episodes are put into messages."""

from __future__ import annotations

import numpy as np

from tfstream.app.scoring import Champion, Scored
from tfstream.core.calibration import Judgement
from tfstream.core.episode import Told
from tfstream.core.event import (
    AnomalyEvent,
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
from tfstream.core.track import Window
from tfstream.streaming.records import Output
from tfstream.streaming.topics import anomalies_topic, scores_topic

_TOP_SENSORS = 5


class Teller:
    """Writes the messages of one stream under one model."""

    def __init__(self, definition: StreamDefinition, champion: Champion) -> None:
        self._definition = definition
        self._model = ModelReference(version=champion.version, sha256=champion.sha256)
        self._anomalies = anomalies_topic(definition.topic)
        self._scores = scores_topic(definition.topic)

    def event(self, partition: int, asset: str, told: Told) -> Output:
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
            ts=iso((window.end_index + 1) * self._definition.interval_us),
            score=rounded(judgement.value),
            threshold=rounded(judgement.threshold),
            model_version=self._model.version,
            masked=masked,
        )
        return Output(self._scores, asset.encode(), encode(record))

    def sensors(self, scored: Scored) -> tuple[SensorShare, ...]:
        """The sensors with the largest part in a score, largest first."""
        order = np.argsort(-np.nan_to_num(scored.shares), kind="stable")[:_TOP_SENSORS]
        return tuple(
            SensorShare(
                name=self._definition.sensors[i],
                share=rounded(float(scored.shares[i])),
                actual=_known(float(scored.actual[i])),
                expected=_known(float(scored.expected[i])),
            )
            for i in order
            if scored.shares[i] > 0
        )


def silent_sensors(names: tuple[str, ...]) -> tuple[SensorShare, ...]:
    """Sensors of a silence: nothing is known of their values."""
    return tuple(SensorShare(name=name, share=0.0, actual=None, expected=None) for name in names)


def _known(value: float) -> float | None:
    return rounded(value) if np.isfinite(value) else None
