"""Stored anomalies as the episodes that training excludes or accepts."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, or_, select, true

from tfstream.core.learning.normal_rows import TrainingEpisode
from tfstream.core.learning.verdict import Verdict
from tfstream.core.messages.anomaly_event import EventKind
from tfstream.storage.datetimes import to_datetime, to_us
from tfstream.storage.streams import StreamRecord
from tfstream.storage.tables import anomaly


def read(
    connection: Connection, stream: StreamRecord, since_us: int | None, until_us: int | None
) -> list[TrainingEpisode]:
    """Episodes that overlap a span, ends included, and episodes before it with the verdict ``new-normal``.

    ``since_us`` or ``until_us`` None leaves that end open.
    """
    columns = anomaly.c
    later = true() if since_us is None else columns.ended_at >= to_datetime(since_us)
    query = (
        select(anomaly)
        .where(columns.stream_id == stream.id)
        .where(or_(columns.ended_at.is_(None), later, columns.verdict == Verdict.NEW_NORMAL.value))
        .order_by(columns.started_at, columns.id)
    )
    if until_us is not None:
        query = query.where(columns.started_at <= to_datetime(until_us))
    return [_episode(row, stream) for row in connection.execute(query)]


def _episode(row: Row[Any], stream: StreamRecord) -> TrainingEpisode:
    return TrainingEpisode(
        asset=row.asset,
        kind=EventKind(row.kind),
        start_us=to_us(row.started_at),
        end_us=None if row.ended_at is None else to_us(row.ended_at),
        verdict=None if row.verdict is None else Verdict(row.verdict),
        accepted_us=None if row.verdict_from is None else to_us(row.verdict_from),
        expected_per_week=row.expected_per_week,
        budget=stream.definition.budget_of(row.asset),
        shares={sensor["name"]: sensor["share"] for sensor in row.sensors},
    )
