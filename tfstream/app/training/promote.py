"""Promote a model version to champion by hand, and roll back to the champion before."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from tfstream.app.detection.champion import load as load_champion
from tfstream.errors import BadData, TfstreamError
from tfstream.storage import champion_history, models
from tfstream.storage.database import Connection, Database
from tfstream.storage.models import ModelRow
from tfstream.storage.streams import StreamRecord


@dataclass(frozen=True, kw_only=True, slots=True)
class ChampionChange:
    """``version`` is the champion now, ``before`` was the champion, None without one.

    ``rejected`` says why ``before`` must not become champion again; ``had_been_rejected`` says why the new
    champion had once been rejected.
    """

    topic: str
    version: int
    before: int | None
    rejected: str | None = None
    had_been_rejected: str | None = None


def promote(database: Database, stream: StreamRecord, version: int, by: str) -> ChampionChange:
    """Make a version the champion of its stream.

    :raises BadData: when the version does not exist, or its bytes are damaged.
    :raises ConfigurationError: when the version does not fit the stream or this program.
    """
    with database.begin() as connection:
        row = models.load(connection, stream.id, version)
    load_champion(row, stream.definition)
    with database.begin() as connection:
        models.lock(connection, stream.id)
        before = models.champion_version(connection, stream.id)
        models.promote(connection, stream.id, version, how="promote", by=by)
    reason = row.reason if row.status == "rejected" else None
    return ChampionChange(
        topic=stream.definition.topic, version=version, before=before, had_been_rejected=reason
    )


def roll_back(
    database: Database, stream: StreamRecord, to: int | None, *, by: str, reason: str | None
) -> ChampionChange:
    """Make the previous champion, or version ``to``, the champion again, and reject the present champion.

    :raises BadData: when there is no previous champion, or ``to`` never was the champion.
    :raises ConfigurationError: when the version does not fit the stream or this program.
    :raises TfstreamError: when another version became the champion meanwhile.
    """
    topic = stream.definition.topic
    with database.begin() as connection:
        present = models.champion_version(connection, stream.id)
        row = _target(connection, stream, present, to)
    load_champion(row, stream.definition)  # before the lock: loading a model takes a while
    with database.begin() as connection:
        models.lock(connection, stream.id)
        before = models.champion_version(connection, stream.id)
        if before is None or before != present:
            raise TfstreamError(
                f"version {before} became the champion of {topic} meanwhile; check it, then roll back again"
            )
        models.promote(connection, stream.id, row.version, how="rollback", reason=reason, by=by)
        rejected = _rejection(row.version, by, reason)
        models.reject(connection, stream.id, before, rejected)
    return ChampionChange(topic=topic, version=row.version, before=before, rejected=rejected)


def _target(connection: Connection, stream: StreamRecord, present: int | None, to: int | None) -> ModelRow:
    """The version to roll back to.

    :raises BadData: when there is none.
    """
    topic = stream.definition.topic
    if present is None:
        raise BadData(f"{topic} has no champion: there is nothing to roll back")
    if to == present:
        raise BadData(f"version {to} is the champion of {topic} already")
    version = champion_history.previous_version(connection, stream.id) if to is None else to
    if version is None:
        raise BadData(
            f"{topic} has no champion before version {present} that has not been rejected since; "
            f"name a version with --to"
        )
    row = models.load(connection, stream.id, version)
    champions = {period.version for period in champion_history.periods(connection, stream.id)}
    if row.status != "retired" and version not in champions:
        raise BadData(
            f"version {version} was never the champion of {topic}; "
            f"`tfstream models promote {version} --topic {topic}` makes it the champion"
        )
    return row


def _rejection(version: int, by: str, reason: str | None) -> str:
    words = f"rolled back to version {version} by {by} at {datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
    return f"{words}: {reason}" if reason else words
