"""The records that a stream's scores and episodes become."""

from __future__ import annotations

from tfstream.app.detection.alarm_sentence import AlarmSentences
from tfstream.app.detection.asset_update import AssetUpdate
from tfstream.app.detection.champion import Champion
from tfstream.core.alarms.episode import EpisodeEvent, EpisodeName
from tfstream.core.alarms.judgement import Judgement
from tfstream.core.messages.anomaly_event import (
    AnomalyEvent,
    ModelReference,
    ScoreRecord,
    SourceSpan,
    anomaly_id,
    iso,
)
from tfstream.core.state import encode
from tfstream.core.stream import StreamDefinition
from tfstream.core.windowing.asset_track import Window
from tfstream.streaming.records import Output
from tfstream.streaming.topics import anomalies_topic, scores_topic


class EventBuilder:
    """Builds the output records of one stream under one model; without ``write_scores`` only events."""

    def __init__(
        self, definition: StreamDefinition, champion: Champion, *, write_scores: bool = True
    ) -> None:
        self._topic = definition.topic
        self._interval_us = definition.interval_us
        self._model = ModelReference(version=champion.version, sha256=champion.sha256)
        self._sentences = AlarmSentences.of_stream(definition, champion.detector)
        self._write_scores = write_scores
        self._anomalies_topic = anomalies_topic(definition.topic)
        self._scores_topic = scores_topic(definition.topic)

    def outputs(self, partition: int, update: AssetUpdate) -> list[Output]:
        """The records of an update: its score, if it has one, and its events in order."""
        outputs = [self.event(partition, update.asset, event) for event in update.events]
        scored = update.window
        if self._write_scores and scored is not None and scored.judgement is not None:
            outputs.append(self.score(update.asset, scored.window, scored.judgement, scored.masked))
        return outputs

    def event(self, partition: int, asset: str, event: EpisodeEvent) -> Output:
        """A record of ``<topic>.anomalies``."""
        episode = event.episode
        record = AnomalyEvent(
            event=event.event,
            anomaly_id=self._id(asset, episode.name),
            sequence=episode.sequence,
            topic=self._topic,
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
            witness=episode.witness,
            witnesses=episode.witnesses,
            scale_s=episode.scale_s,
            reason=self._sentences.of_episode(episode),
            standing_since=None if episode.standing_us is None else iso(episode.standing_us),
            within=None if episode.within is None else self._id(asset, episode.within),
        )
        return Output(self._anomalies_topic, asset.encode(), encode(record))

    def _id(self, asset: str, name: EpisodeName) -> str:
        return anomaly_id(self._topic, asset, name.kind, name.started_us, name.first_witness)

    def score(self, asset: str, window: Window, judgement: Judgement, masked: tuple[str, ...]) -> Output:
        """A record of ``<topic>.scores``; ``masked`` are the sensors that the score leaves out."""
        record = ScoreRecord(
            topic=self._topic,
            asset=asset,
            ts=iso(window.end_us(self._interval_us)),
            score=judgement.value,
            threshold=judgement.threshold,
            model_version=self._model.version,
            masked=masked,
            witness=judgement.witness,
            expected_per_week=judgement.expected_per_week,
        )
        return Output(self._scores_topic, asset.encode(), encode(record))
