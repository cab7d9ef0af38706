"""``tfstream anomalies explain``: an alarm, or a moment without one, computed again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

from tfstream.app.history.explained_hop import ExplainedHop
from tfstream.app.history.explanation import Explanation, RecordedScore, RescoreSummary
from tfstream.app.history.reasons import ExplainedMoment, reasons
from tfstream.app.history.rescoring import Progress
from tfstream.app.history.score_history import RescoreRequest, ScoreHistory, rescore
from tfstream.app.scoring import champion as champions
from tfstream.app.scoring.score_batch import Champion, alarm_rule
from tfstream.core.messages.anomaly_event import EventKind, iso, rounded
from tfstream.core.spans import Span
from tfstream.core.stream import StreamDefinition
from tfstream.core.windowing.window import WindowShape
from tfstream.errors import BadData
from tfstream.storage import models, scores, streams
from tfstream.storage.anomalies import AnomalyRow
from tfstream.storage.database import Database
from tfstream.storage.datetimes import to_us
from tfstream.storage.models import ModelRow
from tfstream.storage.streams import StreamRecord

_PLOTTED_HOPS = 90


class ExplainedAlarm(NamedTuple):
    """What is told, and the way there for a picture."""

    explanation: Explanation
    trail: ScoreHistory
    stream: StreamRecord
    champion: Champion


@dataclass(frozen=True, kw_only=True, slots=True)
class ExplainOptions:
    """``most_us``: how far back to begin at most."""

    most_us: int
    progress: Progress


def explain_alarm(database: Database, row: AnomalyRow, options: ExplainOptions) -> ExplainedAlarm:
    """The peak of an anomaly, from the same readings, model version and threshold.

    Of a silence, which has no score, the first moment at which it is one.

    :raises BadData: when its readings or its model are not there any more.
    :raises ConfigurationError: when the model does not fit the stream any more.
    """
    if row.kind == EventKind.SILENCE.value:
        return _explain_silence(database, row, options)
    peak_us = to_us(row.peak_at)
    with database.begin() as connection:
        stream = streams.get(connection, row.topic)
        stored = scores.at(connection, stream.id, row.asset, peak_us)
        version = row.model_version if stored is None else stored.model_version
        model = models.load(connection, stream.id, version)
    if version == row.model_version and model.sha256 != row.model_sha256:
        raise BadData(f"model version {version} is not the one that raised {row.id}: its sha256 is another")
    champion = champions.load(model, stream.definition)
    budget = _budget(stream.definition, champion, row.asset, row.threshold)
    told = RecordedScore(score=row.score, threshold=row.threshold, model_version=version)
    moment = ExplainedMoment(stream=_under(stream, row.asset, budget), asset=row.asset, until_us=peak_us)
    return _explained(database, champion, moment, told, row, options)


def _explain_silence(database: Database, row: AnomalyRow, options: ExplainOptions) -> ExplainedAlarm:
    """Sensors are missed in the hop that they are silent in, an asset once its window has run out."""
    with database.begin() as connection:
        stream = streams.get(connection, row.topic)
        champion = models.champion(connection, stream.id)
    rows = 0 if row.sensors or champion is None else _shape_of(champion, stream).rows
    at_us = to_us(row.started_at) + rows * stream.definition.interval_us
    return explain_moment(database, stream, row.asset, at_us, options)


def _shape_of(model: ModelRow, stream: StreamRecord) -> WindowShape:
    return champions.load(model, stream.definition).detector.shape


def explain_moment(
    database: Database, stream: StreamRecord, asset: str, at_us: int, options: ExplainOptions
) -> ExplainedAlarm:
    """The hop that a moment lies in, whether there was an alarm or not.

    :raises BadData: when the readings are not stored any more, or no model was ever in charge.
    """
    topic = stream.definition.topic
    with database.begin() as connection:
        model = models.champion(connection, stream.id)
        if model is None:
            raise BadData(models.describe_missing_champion(connection, stream.id, topic))
        champion = champions.load(model, stream.definition)
        until_us = _end_of_hop(at_us, champion, stream.definition)
        stored = scores.at(connection, stream.id, asset, until_us)
        if stored is not None and stored.model_version != model.version:
            model = models.load(connection, stream.id, stored.model_version)
            champion = champions.load(model, stream.definition)
    told = stored and RecordedScore(
        score=stored.score, threshold=stored.threshold, model_version=stored.model_version
    )
    budget = _budget(stream.definition, champion, asset, told.threshold if told else None)
    moment = ExplainedMoment(
        stream=_under(stream, asset, budget), asset=asset, until_us=until_us, at_us=at_us
    )
    return _explained(database, champion, moment, told, None, options)


def _end_of_hop(at_us: int, champion: Champion, definition: StreamDefinition) -> int:
    hop_us = champion.detector.hop_rows * definition.interval_us
    return (at_us // hop_us + 1) * hop_us


def _budget(definition: StreamDefinition, champion: Champion, asset: str, threshold: float | None) -> float:
    """The alarm budget of the time: the present one, unless the threshold was another."""
    calibration, budget = champion.detector.calibration, definition.budget_of(asset)
    if threshold is None or rounded(calibration.threshold(budget)) == threshold:
        return budget
    return calibration.expected_per_week(threshold) or budget


def _under(stream: StreamRecord, asset: str, budget: float) -> StreamRecord:
    """The stream with that budget for the asset."""
    definition = stream.definition
    if definition.budget_of(asset) == budget:
        return stream
    budgets = {**definition.asset_budgets, asset: budget}
    return stream._replace(definition=replace(definition, asset_budgets=budgets))


def _explained(
    database: Database,
    champion: Champion,
    moment: ExplainedMoment,
    told: RecordedScore | None,
    row: AnomalyRow | None,
    options: ExplainOptions,
) -> ExplainedAlarm:
    stream, asset, until_us = moment.stream, moment.asset, moment.until_us
    asked = RescoreRequest(
        database=database, stream=stream, champion=champion, asset=asset, most_us=options.most_us
    )
    hop_us = champion.detector.hop_rows * stream.definition.interval_us
    focus = Span(until_us - _PLOTTED_HOPS * hop_us, until_us + _PLOTTED_HOPS * hop_us)
    trail, replay = rescore(asked, until_us, focus, options.progress)
    judged = trail.around.get(until_us)
    if row is not None and (judged is None or judged.judgement is None):
        raise BadData(
            f"the window of {row.id} at {iso(until_us)} cannot be built again: some of its readings are not "
            f"stored, or not any more; what was told then stands in `tfstream anomalies show {row.id}`"
        )
    rule = alarm_rule(stream.definition, champion.detector, asset)
    again = ExplainedHop(champion, rule, moment, judged)
    with database.begin() as connection:
        findings = reasons(connection, moment, judged, rule, champion, told, row)
    found = again.explanation(told, row, trail, replay, (*findings, *_caveats(told, again, replay)))
    return ExplainedAlarm(found, trail, stream, champion)


def _caveats(told: RecordedScore | None, again: ExplainedHop, replay: RescoreSummary) -> Iterator[str]:
    """Why the numbers may not be those of the time."""
    if told is not None and again.score is not None and told.score != again.score:
        yield (
            f"computed again it is {again.score:g} instead of {told.score:g}: readings that came too late to "
            f"be scored, that were stored since, or that the scorer saw and nobody recorded, or an episode "
            f"that another model had opened"
        )
    if not replay.since_takeover:
        yield (
            f"begun at {replay.since} with the asset's level as calibrated: since when version "
            f"{replay.model_version} had scored it is not stored, or longer ago than was replayed (--replay)"
        )
