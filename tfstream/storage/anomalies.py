"""The stored anomalies: one row for each episode."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    Text,
    cast,
    func,
    literal_column,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import insert

from tfstream.core.learning.verdict import Verdict
from tfstream.core.messages.anomaly_event import AnomalyEvent, EventKind, EventType
from tfstream.core.spans import Span
from tfstream.errors import BadData
from tfstream.storage.datetimes import to_datetime
from tfstream.storage.tables import anomaly, stream

_VERDICT = ("verdict", "verdict_at", "verdict_by", "verdict_from", "note")
_HIDDEN_BY: ColumnElement[str | None] = literal_column("hidden_by(anomaly)", Text)  # a function of the schema
_KEPT = ("id", "stream_id", "asset", "first_seen_at", *_VERDICT)


@dataclass(frozen=True, kw_only=True, slots=True)
class AnomalyRow:
    """One row of the table ``anomaly``; ``sensors`` are sorted by share, the largest first.

    ``witness`` is None for a silence. ``hidden_by`` holds the reasons of the exclusions that hide the
    anomaly; None where no exclusion does. ``standing_since`` is when its shift was accepted, and ``within``
    the standing anomaly that it began in.
    """

    id: uuid.UUID
    topic: str
    asset: str
    kind: str
    state: str
    started_at: datetime
    ended_at: datetime | None
    peak_at: datetime
    score: float
    threshold: float
    expected_per_week: float
    extrapolated: bool
    sensors: list[dict[str, Any]]
    sequence: int
    model_version: int
    model_sha256: str
    source: dict[str, int]
    verdict: str | None
    verdict_at: datetime | None
    verdict_by: str | None
    verdict_from: datetime | None
    note: str | None
    first_seen_at: datetime
    hidden_by: str | None
    witness: str | None
    witnesses: list[str]
    scale_s: float | None
    reason: str | None
    standing_since: datetime | None
    within: uuid.UUID | None


def apply(connection: Connection, stream_id: int, events: Sequence[AnomalyEvent]) -> None:
    """Update anomalies from events; an event with a sequence that is stored already changes nothing."""
    newest: dict[str, AnomalyEvent] = {}
    for event in events:
        known = newest.get(event.anomaly_id)
        if known is None or event.sequence > known.sequence:
            newest[event.anomaly_id] = event
    if not newest:
        return
    statement = insert(anomaly)
    changed = {
        column.name: statement.excluded[column.name] for column in anomaly.columns if column.name not in _KEPT
    }
    statement = statement.on_conflict_do_update(
        index_elements=[anomaly.c.id], set_=changed, where=anomaly.c.sequence < statement.excluded.sequence
    )
    connection.execute(statement, [_values(stream_id, event) for event in newest.values()])


def find(
    connection: Connection,
    *,
    topic: str | None = None,
    asset: str | None = None,
    since_us: int | None = None,
    open_only: bool = False,
    kind: EventKind | None = None,
    hidden: bool = True,
    limit: int = 100,
) -> list[AnomalyRow]:
    """Anomalies that match every given filter, newest first; ``hidden`` False leaves hidden ones out."""
    query = _query().order_by(anomaly.c.started_at.desc(), anomaly.c.id).limit(limit)
    if topic is not None:
        query = query.where(stream.c.topic == topic)
    if asset is not None:
        query = query.where(anomaly.c.asset == asset)
    if since_us is not None:
        query = query.where(anomaly.c.started_at >= to_datetime(since_us))
    if open_only:
        query = query.where(anomaly.c.state == "open")
    if kind is not None:
        query = query.where(anomaly.c.kind == kind.value)
    if not hidden:
        query = query.where(_HIDDEN_BY.is_(None))
    return [_row(row) for row in connection.execute(query)]


def overlapping(connection: Connection, topic: str, asset: str, within: Span) -> list[AnomalyRow]:
    """An asset's anomalies that overlap a span, oldest first, including hidden ones."""
    return _overlapping(connection, within, stream.c.topic == topic, anomaly.c.asset == asset)


def silences(connection: Connection, stream_id: int, asset: str, within: Span) -> list[AnomalyRow]:
    """The silences of an asset, or of some of its sensors, that overlap a span, oldest first."""
    of_asset = (anomaly.c.stream_id == stream_id, anomaly.c.asset == asset)
    return _overlapping(connection, within, *of_asset, anomaly.c.kind == EventKind.SILENCE.value)


def confirmed(connection: Connection, stream_id: int, within: Span) -> list[AnomalyRow]:
    """A stream's anomalies with the verdict ``confirmed`` that overlap a span, oldest first."""
    is_confirmed = anomaly.c.verdict == Verdict.CONFIRMED.value
    return _overlapping(connection, within, anomaly.c.stream_id == stream_id, is_confirmed)


def _overlapping(connection: Connection, span: Span, *conditions: ColumnElement[bool]) -> list[AnomalyRow]:
    """Anomalies that meet all conditions and overlap a span, oldest first."""
    ends_later = or_(anomaly.c.ended_at.is_(None), anomaly.c.ended_at >= to_datetime(span.start_us))
    query = _query().where(*conditions, ends_later, anomaly.c.started_at < to_datetime(span.end_us))
    return [_row(row) for row in connection.execute(query.order_by(anomaly.c.started_at, anomaly.c.id))]


def count_hidden(connection: Connection, stream_id: int) -> int:
    """The number of a stream's anomalies that exclusions hide."""
    query = select(func.count()).select_from(anomaly)
    query = query.where(anomaly.c.stream_id == stream_id, _HIDDEN_BY.is_not(None))
    return int(connection.execute(query).scalar_one())


def get(connection: Connection, anomaly_id: str) -> AnomalyRow:
    """The anomaly whose id begins with ``anomaly_id``.

    :raises BadData: when no anomaly, or more than one, has such an id.
    """
    prefix = anomaly_id.lower()
    if not prefix or set(prefix) - set("0123456789abcdef-"):
        raise BadData(f"{anomaly_id!r} is not an anomaly id; `tfstream anomalies list` shows the ids")
    rows = connection.execute(_query().where(cast(anomaly.c.id, Text).startswith(prefix)).limit(2)).all()
    if len(rows) != 1:
        found = "several anomalies begin" if rows else "no anomaly begins"
        raise BadData(f"{found} with {anomaly_id!r}; `tfstream anomalies list --json` shows whole ids")
    return _row(rows[0])


def _query() -> Select[Any]:
    columns = (stream.c.topic, anomaly, _HIDDEN_BY.label("hidden_by"))
    return select(*columns).join(stream, stream.c.id == anomaly.c.stream_id)


def _row(row: Row[Any]) -> AnomalyRow:
    fields = row._mapping
    return AnomalyRow(**{name: fields[name] for name in AnomalyRow.__dataclass_fields__})


def _values(stream_id: int, event: AnomalyEvent) -> dict[str, Any]:
    # a silence has no witness; silences of older versions are read with the default, the score
    silence = event.kind is EventKind.SILENCE
    return {
        "id": uuid.UUID(event.anomaly_id),
        "stream_id": stream_id,
        "asset": event.asset,
        "kind": event.kind.value,
        "state": "closed" if event.event is EventType.CLOSED else "open",
        "sequence": event.sequence,
        "started_at": datetime.fromisoformat(event.started_at),
        "ended_at": _moment(event.ended_at),
        "peak_at": datetime.fromisoformat(event.peak_at),
        "score": event.score,
        "threshold": event.threshold,
        "expected_per_week": event.expected_per_week,
        "extrapolated": event.extrapolated,
        "sensors": msgspec.to_builtins(event.sensors),
        "model_version": event.model.version,
        "model_sha256": event.model.sha256,
        "source": msgspec.to_builtins(event.source),
        "witness": None if silence else event.witness,
        "witnesses": [] if silence else list(event.witnesses),
        "scale_s": event.scale_s,
        "reason": event.reason,
        "standing_since": _moment(event.standing_since),
        "within": None if event.within is None else uuid.UUID(event.within),
    }


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
