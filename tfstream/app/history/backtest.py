"""``tfstream backtest``: the alarms that a model would have raised on stored history."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tfstream.app.detection import champion as champions
from tfstream.app.detection.alarm_collector import AlarmCollector
from tfstream.app.history.asset_alarms import AssetAlarms
from tfstream.app.history.backtest_lines import alarm_lines, asset_line, event_lines, ratio
from tfstream.app.history.backtest_result import Backtest
from tfstream.app.history.labelled_events import CONFIRMED, Events, confirmed_within, labels_within
from tfstream.app.history.rescoring import Progress, Rescorer, read_silences
from tfstream.core.learning.exclusion import Exclusion
from tfstream.core.messages.anomaly_event import iso
from tfstream.core.quality.event_quality import GRACE_ROWS
from tfstream.core.spans import Span
from tfstream.errors import BadData
from tfstream.storage import exclusions, models, readings
from tfstream.storage.database import Database
from tfstream.storage.datetimes import to_us
from tfstream.storage.models import ModelRow
from tfstream.storage.streams import StreamRecord


@dataclass(frozen=True, kw_only=True, slots=True)
class BacktestOptions:
    """``version`` None is the champion, ``budget`` None the stream's own alarm budget a week.

    ``labels`` None takes confirmed anomalies as events; ``labels_from`` names the file of ``labels``.
    """

    span: Span
    version: int | None = None
    budget: float | None = None
    labels: Events | None = None
    labels_from: str | None = None


def backtest(
    database: Database, stream: StreamRecord, options: BacktestOptions, progress: Progress
) -> Backtest:
    """Score every asset over the span, as if the model had become champion where the span begins.

    :raises BadData: when there is no such model, no reading in the span, or a label of an asset without
        readings.
    :raises ConfigurationError: when the model does not fit the stream.
    """
    model, names = _load_model(database, stream, options), _assets(database, stream, options.span)
    champion = champions.load(model, stream.definition)
    stream = _with_budget(stream, options.budget)
    if options.labels is None:
        events, source = confirmed_within(database, stream, options.span)
    else:
        events, source = labels_within(options.labels, options.labels_from or "", options.span, names)
    hiding = _hiding_exclusions(database, stream)
    assets: list[AssetAlarms] = []
    short: list[str] = []  # assets with fewer readings before the span than the witnesses look back to
    for done, asset in enumerate(names):
        collector = AlarmCollector()
        silent = read_silences(database, stream, asset, options.span)
        rescorer = Rescorer(database, stream, champion, asset, silent=silent, on_update=collector)
        rescored = rescorer.run(*options.span, _part_of(progress, done, len(names)))
        lead_us = options.span.start_us - rescorer.lead_us
        if rescorer.lead_us and rescored.lead_us is not None and rescored.lead_us > lead_us:
            short.append(asset)
        own_events = events.get(asset, ())
        assets.append(AssetAlarms(stream.definition, champion, asset, collector, own_events, hiding))
    progress(1.0)
    notes = [*_notes(model, options.span, assets, source), *_lead_notes(short)]
    return _result(stream, model, options.span, assets, source, notes)


def _part_of(progress: Progress, done: int, parts: int) -> Progress:
    """Reports the progress of one part as progress of all ``parts``, of which ``done`` are finished."""
    return lambda part: progress((done + part) / parts)


def _load_model(database: Database, stream: StreamRecord, options: BacktestOptions) -> ModelRow:
    with database.begin() as connection:
        if options.version is not None:
            return models.load(connection, stream.id, options.version)
        champion = models.champion(connection, stream.id)
        if champion is None:
            raise BadData(models.describe_missing_champion(connection, stream.id, stream.definition.topic))
        return champion


def _assets(database: Database, stream: StreamRecord, span: Span) -> list[str]:
    """The assets with readings in the span."""
    with database.begin() as connection:
        names = readings.assets(connection, stream.id, *span)
        stored = readings.span(connection, stream.id)
    if not names:
        known = "none are stored"
        if stored is not None:
            known = f"the stored readings are from {iso(stored[0])} to {iso(stored[1])}"
        raise BadData(
            f"stream {stream.definition.topic} has no readings from {iso(span.start_us)} to "
            f"{iso(span.end_us)}; {known}"
        )
    return names


def _with_budget(stream: StreamRecord, budget: float | None) -> StreamRecord:
    """The stream with this alarm budget for all assets; unchanged for None."""
    if budget is None:
        return stream
    changed = replace(stream.definition, alarm_budget_per_week=budget, asset_budgets={})
    return stream._replace(definition=changed)


def _hiding_exclusions(database: Database, stream: StreamRecord) -> list[Exclusion]:
    with database.begin() as connection:
        rows = exclusions.list_all(connection, topic=stream.definition.topic)
    return [row.exclusion for row in rows if row.hide]


def _result(
    stream: StreamRecord,
    model: ModelRow,
    span: Span,
    assets: Sequence[AssetAlarms],
    source: str | None,
    notes: Sequence[str],
) -> Backtest:
    labelled = source is not None
    weeks = sum(asset.weeks for asset in assets)
    budget = ratio(sum(asset.budget * asset.weeks for asset in assets), weeks)
    return Backtest(
        topic=stream.definition.topic,
        model_version=model.version,
        since=iso(span.start_us),
        until=iso(span.end_us),
        events_from=source,
        total=asset_line("all", budget, assets, labelled=labelled),
        assets=tuple(asset_line(asset.asset, asset.budget, [asset], labelled=labelled) for asset in assets),
        events=tuple(line for asset in assets for line in event_lines(asset)),
        alarms=tuple(line for asset in assets for line in alarm_lines(asset)),
        notes=tuple(notes),
    )


def _lead_notes(short: Sequence[str]) -> list[str]:
    if not short:
        return []
    return [
        f"the witnesses look further back than the readings stored before the span; at long time scales they "
        f"begin without a past: {', '.join(short[:5])}"
    ]


def _notes(model: ModelRow, span: Span, assets: Sequence[AssetAlarms], source: str | None) -> list[str]:
    trained = Span(to_us(model.trained_from), to_us(model.trained_until))
    notes = []
    if trained.overlaps(span):
        notes.append(
            f"version {model.version} was trained on readings from {iso(trained.start_us)} to "
            f"{iso(trained.end_us)}: its alarms in that time say little about alarms on new readings"
        )
    if unscored := [asset.asset for asset in assets if not asset.weeks]:
        notes.append(f"no full window, and so no score: {', '.join(unscored[:5])}")
    notes.append(
        f"an alarm belongs to an event that began before the alarm was raised and ended at most {GRACE_ROWS} "
        f"rows before the alarm started; a backtest does not look for silences"
    )
    if source == CONFIRMED:
        notes.append("an alarm without a verdict counts as a false alarm")
    return notes
