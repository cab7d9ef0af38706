"""The hop to explain, an alarm's peak or the hop of any moment, and what is stored of it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tfstream.app.detection import champion as champions
from tfstream.app.detection.champion import Champion
from tfstream.app.detection.score_batch import alarm_rule
from tfstream.app.history.explanation import RecordedScore
from tfstream.core.messages.anomaly_event import EventKind
from tfstream.core.messages.witness import Witness
from tfstream.core.spans import Span
from tfstream.errors import BadData
from tfstream.storage import models, scores, streams
from tfstream.storage.anomalies import AnomalyRow
from tfstream.storage.database import Connection, Database
from tfstream.storage.datetimes import to_us
from tfstream.storage.scores import ScoreRow
from tfstream.storage.streams import StreamRecord


@dataclass(frozen=True, kw_only=True)
class StoredHop:
    """The hop of an asset that ends at ``until_us``; in a slow stream it may be a row between two hops.

    Alarms of other witnesses than the score can have their peak at such a row.

    ``champion`` is the model version that scored it, and ``stream`` has the alarm budget of that time.
    ``recorded`` is None where no score is stored, ``alarm`` where the user asked about a moment.
    """

    stream: StreamRecord
    champion: Champion
    asset: str
    until_us: int
    recorded: RecordedScore | None
    alarm: AnomalyRow | None = None

    @property
    def hop_us(self) -> int:
        return self.champion.detector.hop_rows * self.stream.definition.interval_us

    @property
    def start_us(self) -> int:
        """The start of the hop, or of the row between two hops."""
        detector, interval_us = self.champion.detector, self.stream.definition.interval_us
        ends_hop = self.until_us % self.hop_us == 0
        return self.until_us - (self.hop_us if ends_hop else detector.shape.step * interval_us)

    @property
    def last_moment(self) -> Span:
        """The last microsecond of the hop, to look up what was open at its end."""
        return Span(self.until_us - 1, self.until_us)


def load_alarm(database: Database, alarm: AnomalyRow) -> StoredHop:
    """The hop of an anomaly's peak; for a silence, which has no score, the first silent hop.

    :raises BadData: when the model that raised the alarm is not stored any more.
    :raises ConfigurationError: when the model does not fit the stream any more.
    """
    if alarm.kind == EventKind.SILENCE.value:
        return _load_silence(database, alarm)
    peak_us = to_us(alarm.peak_at)
    with database.begin() as connection:
        stream = streams.get(connection, alarm.topic)
        stored = scores.at(connection, stream.id, alarm.asset, peak_us)
        version = alarm.model_version if stored is None else stored.model_version
        model = models.load(connection, stream.id, version)
    if version == alarm.model_version and model.sha256 != alarm.model_sha256:
        raise BadData(f"model version {version} is not the model that raised {alarm.id}: its sha256 differs")
    champion = champions.load(model, stream.definition)
    recorded = RecordedScore(
        score=alarm.score,
        threshold=alarm.threshold,
        model_version=version,
        witness=Witness(alarm.witness or Witness.SCORE),
        scale_s=alarm.scale_s,
    )
    return StoredHop(
        stream=_with_budget_of(stream, champion, alarm.asset, recorded),
        champion=champion,
        asset=alarm.asset,
        until_us=peak_us,
        recorded=recorded,
        alarm=alarm,
    )


def _load_silence(database: Database, silence: AnomalyRow) -> StoredHop:
    """A silent sensor is missing from the hop at once, a silent asset when its window has run out."""
    with database.begin() as connection:
        stream = streams.get(connection, silence.topic)
        model = models.champion(connection, stream.id)
    rows = 0
    if model is not None and not silence.sensors:
        rows = champions.load(model, stream.definition).detector.shape.rows
    at_us = to_us(silence.started_at) + rows * stream.definition.interval_us
    return load_moment(database, stream, silence.asset, at_us)


def load_moment(database: Database, stream: StreamRecord, asset: str, at_us: int) -> StoredHop:
    """The hop in which a moment lies, with or without an alarm.

    :raises BadData: when the stream has no champion, or the model that scored the hop is not stored any more.
    :raises ConfigurationError: when the model does not fit the stream any more.
    """
    with database.begin() as connection:
        champion = _present_champion(connection, stream)
        hop_us = champion.detector.hop_rows * stream.definition.interval_us
        until_us = (at_us // hop_us + 1) * hop_us
        stored = scores.at(connection, stream.id, asset, until_us)
        if stored is not None and stored.model_version != champion.version:
            model = models.load(connection, stream.id, stored.model_version)
            champion = champions.load(model, stream.definition)
    recorded = None if stored is None else _recorded(stored)
    return StoredHop(
        stream=_with_budget_of(stream, champion, asset, recorded),
        champion=champion,
        asset=asset,
        until_us=until_us,
        recorded=recorded,
    )


def _present_champion(connection: Connection, stream: StreamRecord) -> Champion:
    model = models.champion(connection, stream.id)
    if model is None:
        raise BadData(models.describe_missing_champion(connection, stream.id, stream.definition.topic))
    return champions.load(model, stream.definition)


def _recorded(stored: ScoreRow) -> RecordedScore:
    return RecordedScore(
        score=stored.score,
        threshold=stored.threshold,
        model_version=stored.model_version,
        witness=Witness(stored.witness),
    )


def _with_budget_of(
    stream: StreamRecord, champion: Champion, asset: str, recorded: RecordedScore | None
) -> StreamRecord:
    """The stream with the alarm budget of the recorded threshold; unchanged where its own budget gives it."""
    definition = stream.definition
    rule = alarm_rule(definition, champion.detector, asset)
    if recorded is None or recorded.threshold in rule.thresholds(recorded.witness, recorded.scale_s):
        return stream
    budget = rule.budget_behind(recorded.threshold, recorded.witness, recorded.scale_s)
    if not budget:
        return stream
    budgets = {**definition.asset_budgets, asset: budget}
    return stream._replace(definition=replace(definition, asset_budgets=budgets))
