"""Exclusions, and each of their occurrences as a row, because SQL cannot evaluate a recurrence rule."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from tfstream.core.learning.exclusion import Exclusion
from tfstream.core.spans import Span
from tfstream.errors import BadData, ConfigurationError, UsageError
from tfstream.storage.datetimes import to_datetime, to_us
from tfstream.storage.tables import exclusion, exclusion_span, stream

_DAY_US = 86_400_000_000
_AHEAD_US = 400 * _DAY_US
_STEP_US = 30 * _DAY_US  # occurrences are added a month at a time

_IN_FORCE = or_(exclusion.c.removed_from.is_(None), exclusion.c.removed_from > exclusion.c.starts_at)


@dataclass(frozen=True, kw_only=True, slots=True)
class ExclusionRow:
    """One row of the table ``exclusion``; ``asset`` or ``sensor_pattern`` None stands for all of them."""

    id: int
    topic: str
    asset: str | None
    sensor_pattern: str | None
    starts_at: datetime
    ends_at: datetime
    rrule: str | None
    time_zone: str
    hide: bool
    no_learn: bool
    reason: str | None
    created_at: datetime
    created_by: str | None
    removed_at: datetime | None
    removed_from: datetime | None

    @property
    def exclusion(self) -> Exclusion:
        """The exclusion of this row.

        :raises ConfigurationError: when the stored rule or time zone is not valid.
        """
        try:
            return Exclusion(
                first=Span(to_us(self.starts_at), to_us(self.ends_at)),
                asset=self.asset,
                sensor=self.sensor_pattern,
                rule=self.rrule,
                time_zone=self.time_zone,
                hide=self.hide,
                no_learn=self.no_learn,
                removed_from_us=None if self.removed_from is None else to_us(self.removed_from),
            )
        except UsageError as error:
            raise ConfigurationError(
                f"exclusion {self.id} of {self.topic}: {error}; remove it with "
                f"`tfstream exclusions remove {self.id}`"
            ) from None


def add(
    connection: Connection, stream_id: int, new: Exclusion, *, reason: str | None, by: str, now_us: int
) -> int:
    """Store an exclusion and its occurrences; returns its id."""
    values = {
        "stream_id": stream_id,
        "asset": new.asset,
        "sensor_pattern": new.sensor,
        "starts_at": to_datetime(new.first.start_us),
        "ends_at": to_datetime(new.first.end_us),
        "rrule": new.rule,
        "time_zone": new.time_zone,
        "hide": new.hide,
        "no_learn": new.no_learn,
        "reason": reason,
        "created_by": by,
    }
    statement = insert(exclusion).values(values).returning(exclusion.c.id)
    exclusion_id = int(connection.execute(statement).scalar_one())
    extend_spans(connection, now_us, stream_id)
    return exclusion_id


def get(connection: Connection, exclusion_id: int) -> ExclusionRow:
    """One exclusion, removed or not.

    :raises BadData: when no exclusion has this id.
    """
    row = connection.execute(_query().where(exclusion.c.id == exclusion_id)).first()
    if row is None:
        raise BadData(f"there is no exclusion {exclusion_id}; `tfstream exclusions list` shows them")
    return _row(row)


def list_all(
    connection: Connection, *, topic: str | None = None, removed: bool = False
) -> list[ExclusionRow]:
    """Exclusions in the order of their first occurrences; ``removed`` includes those wholly removed."""
    query = _query().order_by(exclusion.c.starts_at, exclusion.c.id)
    if topic is not None:
        query = query.where(stream.c.topic == topic)
    if not removed:
        query = query.where(_IN_FORCE)
    return [_row(row) for row in connection.execute(query)]


def remove(connection: Connection, exclusion_id: int, from_us: int | None) -> ExclusionRow:
    """Remove an exclusion, or only its occurrences from ``from_us`` on; the row stays as a record.

    :raises BadData: when no exclusion has this id, or it was removed from that time or earlier.
    """
    row = get(connection, exclusion_id)
    removed_from = row.starts_at if from_us is None else max(row.starts_at, to_datetime(from_us))
    if row.removed_from is not None and row.removed_from <= removed_from:
        raise BadData(f"exclusion {exclusion_id} was removed before, from {row.removed_from} on")
    values = {"removed_at": func.now(), "removed_from": removed_from}
    connection.execute(update(exclusion).where(exclusion.c.id == exclusion_id).values(values))
    span = exclusion_span.c
    is_cut = (span.starts_at < removed_from) & (span.ends_at > removed_from)
    cut = update(exclusion_span).where(span.exclusion_id == exclusion_id, is_cut)
    connection.execute(cut.values(ends_at=removed_from))
    return get(connection, exclusion_id)


def extend_spans(connection: Connection, now_us: int, stream_id: int | None = None) -> int:
    """Write missing occurrences up to about 400 days ahead; returns the number of exclusions extended.

    ``stream_id`` None extends the exclusions of all streams. Adding an exclusion, a refit and making
    partitions all call this; calling it twice changes nothing.
    """
    written_until = exclusion.c.spans_until
    enough = to_datetime(now_us + _AHEAD_US - _STEP_US)
    query = _query().where(_IN_FORCE, or_(written_until.is_(None), written_until < enough))
    if stream_id is not None:
        query = query.where(exclusion.c.stream_id == stream_id)
    rows = connection.execute(query).all()
    for row in rows:
        _extend(connection, _row(row), now_us)
    return len(rows)


def _extend(connection: Connection, row: ExclusionRow, now_us: int) -> None:
    first = row.exclusion.first
    until_us = max(now_us, first.end_us) + _AHEAD_US
    spans = row.exclusion.occurrences(Span(first.start_us, until_us))
    values = [
        {"exclusion_id": row.id, "starts_at": to_datetime(start), "ends_at": to_datetime(end)}
        for start, end in spans
    ]
    if values:
        connection.execute(insert(exclusion_span).on_conflict_do_nothing(), values)
    extended = update(exclusion).where(exclusion.c.id == row.id)
    connection.execute(extended.values(spans_until=to_datetime(until_us)))


def _query() -> Select[Any]:
    return select(stream.c.topic, exclusion).join(stream, stream.c.id == exclusion.c.stream_id)


def _row(row: Row[Any]) -> ExclusionRow:
    fields = row._mapping
    return ExclusionRow(**{name: fields[name] for name in ExclusionRow.__dataclass_fields__})
