"""Which model version was a stream's champion, and when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, select

from tfstream.storage.tables import champion_change, model


@dataclass(frozen=True, kw_only=True, slots=True)
class ChampionPeriod:
    """A period in which one version was the champion; ``until`` is None for the present champion."""

    version: int
    since: datetime
    until: datetime | None
    how: str
    reason: str | None
    changed_by: str | None


def periods(connection: Connection, stream_id: int) -> list[ChampionPeriod]:
    """All periods of a stream, newest first; a version that was promoted twice has two periods."""
    change = champion_change.c
    until = func.lead(change.changed_at).over(order_by=change.id).label("until")
    query = select(
        change.version, change.changed_at.label("since"), until, change.how, change.reason, change.changed_by
    ).where(change.stream_id == stream_id)
    return [ChampionPeriod(**row._mapping) for row in connection.execute(query.order_by(change.id.desc()))]


def previous_version(connection: Connection, stream_id: int) -> int | None:
    """The last champion before the present one, without versions that were rejected since."""
    change = champion_change.c
    query = (
        select(change.version)
        .join(model, (model.c.stream_id == change.stream_id) & (model.c.version == change.version))
        .where(change.stream_id == stream_id, model.c.status.not_in(("champion", "rejected")))
        .order_by(change.id.desc())
        .limit(1)
    )
    return connection.execute(query).scalar()
