"""Exclusions, and their occurrences as rows: SQL cannot follow a rule."""

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
_OFTEN_US = 30 * _DAY_US  # rows are added a month at a time

_STANDS = or_(exclusion.c.removed_from.is_(None), exclusion.c.removed_from > exclusion.c.starts_at)


@dataclass(frozen=True, kw_only=True, slots=True)
class ExclusionRow:
    """One exclusion as the database has it; ``asset`` and ``sensor_pattern`` None: all."""

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
        """:raises ConfigurationError: when somebody has written a rule or a time zone that cannot be read."""
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
                f"exclusion {self.id} of {self.topic}: {error}; take it away with "
                f"`tfstream exclusions remove {self.id}`"
            ) from None


def add(
    connection: Connection, stream_id: int, given: Exclusion, *, reason: str | None, by: str, now_us: int
) -> int:
    """Store an exclusion with its occurrences; returns its id."""
    values = {
        "stream_id": stream_id,
        "asset": given.asset,
        "sensor_pattern": given.sensor,
        "starts_at": to_datetime(given.first.start_us),
        "ends_at": to_datetime(given.first.end_us),
        "rrule": given.rule,
        "time_zone": given.time_zone,
        "hide": given.hide,
        "no_learn": given.no_learn,
        "reason": reason,
        "created_by": by,
    }
    made = int(connection.execute(insert(exclusion).values(values).returning(exclusion.c.id)).scalar_one())
    extend_spans(connection, now_us, stream_id)
    return made


def get(connection: Connection, exclusion_id: int) -> ExclusionRow:
    """:raises BadData: when there is none of this id."""
    row = connection.execute(_query().where(exclusion.c.id == exclusion_id)).first()
    if row is None:
        raise BadData(f"there is no exclusion {exclusion_id}; `tfstream exclusions list` shows them")
    return _row(row)


def list_all(
    connection: Connection, *, topic: str | None = None, removed: bool = False
) -> list[ExclusionRow]:
    """In the order of their first occurrences; with ``removed`` those, too, that are none any more."""
    query = _query().order_by(exclusion.c.starts_at, exclusion.c.id)
    if topic is not None:
        query = query.where(stream.c.topic == topic)
    if not removed:
        query = query.where(_STANDS)
    return [_row(row) for row in connection.execute(query)]


def remove(connection: Connection, exclusion_id: int, from_us: int | None) -> ExclusionRow:
    """Take it back: all of it, or what of it lies at ``from_us`` or later. The row stays.

    :raises BadData: when there is none of this id, or it was removed from there on before.
    """
    found = get(connection, exclusion_id)
    begins = found.starts_at if from_us is None else max(found.starts_at, to_datetime(from_us))
    if found.removed_from is not None and found.removed_from <= begins:
        raise BadData(f"exclusion {exclusion_id} was removed before, from {found.removed_from} on")
    values = {"removed_at": func.now(), "removed_from": begins}
    connection.execute(update(exclusion).where(exclusion.c.id == exclusion_id).values(values))
    its = exclusion_span.c
    goes_on = (its.exclusion_id == exclusion_id) & (its.starts_at < begins) & (its.ends_at > begins)
    connection.execute(update(exclusion_span).where(goes_on).values(ends_at=begins))
    return get(connection, exclusion_id)


def extend_spans(connection: Connection, now_us: int, stream_id: int | None = None) -> int:
    """Write the occurrences that are missing, up to some 400 days ahead; returns the number of exclusions.

    Of one stream, or of all. Whoever adds an exclusion, refits or makes partitions does it; doing it twice
    changes nothing.
    """
    known = exclusion.c.spans_until
    enough = to_datetime(now_us + _AHEAD_US - _OFTEN_US)
    query = _query().where(_STANDS, or_(known.is_(None), known < enough))
    if stream_id is not None:
        query = query.where(exclusion.c.stream_id == stream_id)
    missing = connection.execute(query).all()
    for row in missing:
        _extend(connection, _row(row), now_us)
    return len(missing)


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
    known = {"spans_until": to_datetime(until_us)}
    connection.execute(update(exclusion).where(exclusion.c.id == row.id).values(known))


def _query() -> Select[Any]:
    return select(stream.c.topic, exclusion).join(stream, stream.c.id == exclusion.c.stream_id)


def _row(row: Row[Any]) -> ExclusionRow:
    fields = row._mapping
    return ExclusionRow(**{name: fields[name] for name in ExclusionRow.__dataclass_fields__})
