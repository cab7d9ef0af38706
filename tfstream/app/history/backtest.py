"""``tfstream backtest``: what a model would have raised over stored history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from tfstream.app.history.asset_alarms import AlarmCollector, AssetAlarms, by, line_of
from tfstream.app.history.backtest_result import Backtest
from tfstream.app.history.rescoring import Progress, Rescorer, silences
from tfstream.app.scoring import champion as champions
from tfstream.core.learning.exclusion import Exclusion
from tfstream.core.messages.anomaly_event import iso
from tfstream.core.quality.event_quality import GRACE_ROWS
from tfstream.core.spans import Span, merge_spans
from tfstream.errors import BadData
from tfstream.storage import anomalies, exclusions, models, readings
from tfstream.storage.database import Database
from tfstream.storage.datetimes import to_us
from tfstream.storage.models import ModelRow
from tfstream.storage.streams import StreamRecord

Events = Mapping[str, Sequence[Span]]
_CONFIRMED = "anomalies with the verdict confirmed"


@dataclass(frozen=True, kw_only=True, slots=True)
class BacktestOptions:
    """``version`` None: the champion; ``budget`` None: as the stream has it; ``labels`` None: verdicts."""

    span: Span
    version: int | None = None
    budget: float | None = None
    labels: Events | None = None
    labels_from: str | None = None


def backtest(
    database: Database, stream: StreamRecord, options: BacktestOptions, progress: Progress
) -> Backtest:
    """Every asset over the span, as if the model had taken charge at its beginning.

    :raises BadData: when there is no such model, or no reading in the span, or a label of no asset.
    :raises ConfigurationError: when the model does not fit the stream.
    """
    row, names = _prepared(database, stream, options)
    champion = champions.load(row, stream.definition)
    stream = _under(stream, options.budget)
    events, whose = _events(database, stream, options, names)
    hiding = _hiding(database, stream)
    found: list[AssetAlarms] = []
    for done, asset in enumerate(names):
        watch = AlarmCollector(stream.definition.interval_us)
        silent = silences(database, stream, asset, options.span)
        review = Rescorer(database, stream, champion, asset, silent=silent, see=watch)
        review.run(*options.span, _part(progress, done, len(names)))
        found.append(AssetAlarms(stream.definition, champion, asset, watch, events.get(asset, ()), hiding))
    progress(1.0)
    return _told(stream, row, options, found, whose)


def _part(progress: Progress, done: int, parts: int) -> Progress:
    """The progress of one part as that of all."""
    return lambda part: progress((done + part) / parts)


def _prepared(
    database: Database, stream: StreamRecord, options: BacktestOptions
) -> tuple[ModelRow, list[str]]:
    """The model, and the assets with readings in the span."""
    topic, (start_us, end_us) = stream.definition.topic, options.span
    with database.begin() as connection:
        if options.version is not None:
            row = models.load(connection, stream.id, options.version)
        else:
            champion = models.champion(connection, stream.id)
            if champion is None:
                raise BadData(models.describe_missing_champion(connection, stream.id, topic))
            row = champion
        names = readings.assets(connection, stream.id, start_us, end_us)
        known = readings.span(connection, stream.id)
    if not names:
        there = "none" if known is None else f"those from {iso(known[0])} to {iso(known[1])}"
        raise BadData(
            f"stream {topic} has no readings from {iso(start_us)} to {iso(end_us)}; stored are {there}"
        )
    return row, names


def _under(stream: StreamRecord, budget: float | None) -> StreamRecord:
    """The stream with another alarm budget for all assets."""
    if budget is None:
        return stream
    changed = replace(stream.definition, alarm_budget_per_week=budget, asset_budgets={})
    return stream._replace(definition=changed)


def _events(
    database: Database, stream: StreamRecord, options: BacktestOptions, names: Sequence[str]
) -> tuple[Events, str | None]:
    """The labelled events that meet the span, and whose they are; None when none is known."""
    if options.labels is not None:
        if strangers := sorted(set(options.labels) - set(names)):
            raise BadData(
                f"{options.labels_from} names assets without readings in the span: {', '.join(strangers[:5])}"
            )
        found = options.labels
        whose = options.labels_from
    else:
        found, whose = _confirmed(database, stream, options.span), _CONFIRMED
    within = {asset: [one for one in spans if one.overlaps(options.span)] for asset, spans in found.items()}
    return within, whose if any(within.values()) or options.labels is not None else None


def _confirmed(database: Database, stream: StreamRecord, span: Span) -> Events:
    with database.begin() as connection:
        rows = anomalies.confirmed(connection, stream.id, span)
    found: dict[str, list[Span]] = {}
    for row in rows:
        ended_us = span.end_us if row.ended_at is None else to_us(row.ended_at)
        found.setdefault(row.asset, []).append(Span(to_us(row.started_at), ended_us))
    return {asset: merge_spans(spans) for asset, spans in found.items()}


def _hiding(database: Database, stream: StreamRecord) -> list[Exclusion]:
    with database.begin() as connection:
        rows = exclusions.list_all(connection, topic=stream.definition.topic)
    return [row.exclusion for row in rows if row.hide]


def _told(
    stream: StreamRecord,
    row: ModelRow,
    options: BacktestOptions,
    assets: Sequence[AssetAlarms],
    whose: str | None,
) -> Backtest:
    labelled = whose is not None
    weeks = sum(one.weeks for one in assets)
    budget = by(sum(one.budget * one.weeks for one in assets), weeks)
    return Backtest(
        topic=stream.definition.topic,
        model_version=row.version,
        since=iso(options.span.start_us),
        until=iso(options.span.end_us),
        events_from=whose,
        total=line_of("all", budget, assets, labelled=labelled),
        assets=tuple(one.line(labelled=labelled) for one in assets),
        events=tuple(line for one in assets for line in one.event_lines()),
        alarms=tuple(line for one in assets for line in one.alarm_lines()),
        notes=tuple(_notes(row, options.span, assets, whose)),
    )


def _notes(row: ModelRow, span: Span, assets: Sequence[AssetAlarms], whose: str | None) -> list[str]:
    learnt = Span(to_us(row.trained_from), to_us(row.trained_until))
    notes = []
    if learnt.overlaps(span):
        notes.append(
            f"version {row.version} has learnt from {iso(learnt.start_us)} to {iso(learnt.end_us)}: what it "
            f"raises there says little of what it would have raised"
        )
    if unseen := [one.asset for one in assets if not one.weeks]:
        notes.append(f"never a window full, and so no score: {', '.join(unseen[:5])}")
    notes.append(
        f"an alarm belongs to an event that began before it was raised and was over by no more than "
        f"{GRACE_ROWS} rows when it started; silences are not looked for"
    )
    if whose == _CONFIRMED:
        notes.append("an alarm that nobody has judged counts as a false one")
    return notes
