"""Who was in charge of a stream when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, select

from tfstream.storage.tables import champion_change, model


@dataclass(frozen=True, kw_only=True, slots=True)
class ChampionPeriod:
    """One version's time in charge; ``until`` is None for the present champion."""

    version: int
    since: datetime
    until: datetime | None
    how: str
    reason: str | None
    changed_by: str | None


def periods(connection: Connection, stream_id: int) -> list[ChampionPeriod]:
    """All of them, newest first; a version that came back stands there again."""
    its = champion_change.c
    until = func.lead(its.changed_at).over(order_by=its.id).label("until")
    query = select(
        its.version, its.changed_at.label("since"), until, its.how, its.reason, its.changed_by
    ).where(its.stream_id == stream_id)
    return [ChampionPeriod(**row._mapping) for row in connection.execute(query.order_by(its.id.desc()))]


def previous_version(connection: Connection, stream_id: int) -> int | None:
    """The version that was in charge before the present one, of those that were not rejected since."""
    its = champion_change.c
    query = (
        select(its.version)
        .join(model, (model.c.stream_id == its.stream_id) & (model.c.version == its.version))
        .where(its.stream_id == stream_id, model.c.status.not_in(("champion", "rejected")))
        .order_by(its.id.desc())
        .limit(1)
    )
    return connection.execute(query).scalar()
