"""Putting a version in charge by hand, and going back to the one before."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from tfstream.app.scoring import champion as champions
from tfstream.errors import BadData, TfstreamError
from tfstream.storage import champion_history as reigns
from tfstream.storage import models
from tfstream.storage.database import Connection, Database
from tfstream.storage.models import ModelRow
from tfstream.storage.streams import StreamRecord


@dataclass(frozen=True, kw_only=True, slots=True)
class ChampionChange:
    """``version`` took over from ``before``; ``rejected`` says why the one before is not to come back.

    ``had_been_rejected`` is why the new champion itself had been, once.
    """

    topic: str
    version: int
    before: int | None
    rejected: str | None = None
    had_been_rejected: str | None = None


def promote(database: Database, stream: StreamRecord, version: int, by: str) -> ChampionChange:
    """Put a version in charge.

    :raises BadData: when there is no such version, or its bytes are damaged.
    :raises ConfigurationError: when it does not fit the stream or this program.
    """
    with database.begin() as connection:
        row = models.load(connection, stream.id, version)
    champions.load(row, stream.definition)
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
    """Put the version in charge that was before, or ``to``; the present one is rejected, for good.

    :raises BadData: when nothing was in charge before, or ``to`` never was.
    :raises ConfigurationError: when the version does not fit the stream or this program.
    :raises TfstreamError: when another version took over meanwhile.
    """
    topic = stream.definition.topic
    with database.begin() as connection:
        present = models.champion_version(connection, stream.id)
        row = _target(connection, stream, present, to)
    champions.load(row, stream.definition)  # before the lock: it takes its time
    with database.begin() as connection:
        models.lock(connection, stream.id)
        found = models.champion_version(connection, stream.id)
        if found is None or found != present:
            raise TfstreamError(
                f"version {found} took charge of {topic} meanwhile; look, and roll back again"
            )
        models.promote(connection, stream.id, row.version, how="rollback", reason=reason, by=by)
        why = _why(row.version, by, reason)
        models.reject(connection, stream.id, found, why)
    return ChampionChange(topic=topic, version=row.version, before=found, rejected=why)


def _target(connection: Connection, stream: StreamRecord, present: int | None, to: int | None) -> ModelRow:
    """The version to go back to."""
    topic = stream.definition.topic
    if present is None:
        raise BadData(f"no version is in charge of {topic}: there is nothing to roll back")
    if to == present:
        raise BadData(f"version {to} is in charge of {topic} already")
    before = reigns.previous_version(connection, stream.id) if to is None else to
    if before is None:
        raise BadData(
            f"no version is known to have been in charge of {topic} before {present} that was not rejected "
            f"since; name one with --to"
        )
    row = models.load(connection, stream.id, before)
    ruled = {reign.version for reign in reigns.periods(connection, stream.id)}
    if row.status != "retired" and before not in ruled:
        raise BadData(
            f"version {before} was never in charge of {topic}; "
            f"`tfstream models promote {before} --topic {topic}` puts it there"
        )
    return row


def _why(version: int, by: str, reason: str | None) -> str:
    words = f"rolled back to version {version} by {by} at {datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
    return f"{words}: {reason}" if reason else words
