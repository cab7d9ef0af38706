"""Model versions: their bundles with a hash, and which version is the champion."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, Row, Select, func, insert, select, text, update

from tfstream.errors import BadData
from tfstream.storage.datetimes import to_datetime
from tfstream.storage.tables import champion_change, model

ChampionChange = Literal["refit", "promote", "rollback"]


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelRow:
    """One version of a stream's model; ``bundle`` is empty in a listing."""

    version: int
    status: str
    reason: str | None
    metrics: dict[str, Any]
    sha256: str
    trained_from: datetime
    trained_until: datetime
    rows: int
    seed: int
    created_at: datetime
    bundle: bytes = b""


def save(
    connection: Connection,
    stream_id: int,
    bundle: bytes,
    *,
    metrics: dict[str, Any],
    trained_from_us: int,
    trained_until_us: int,
    rows: int,
    seed: int,
) -> int:
    """Store a bundle as the stream's next version with the status ``candidate``; returns the version."""
    lock(connection, stream_id)
    last = connection.execute(
        select(func.max(model.c.version)).where(model.c.stream_id == stream_id)
    ).scalar()
    version = (last or 0) + 1
    connection.execute(
        insert(model).values(
            stream_id=stream_id,
            version=version,
            metrics=metrics,
            bundle=bundle,
            sha256=hashlib.sha256(bundle).hexdigest(),
            trained_from=to_datetime(trained_from_us),
            trained_until=to_datetime(trained_until_us),
            rows=rows,
            seed=seed,
        )
    )
    return version


def promote(
    connection: Connection,
    stream_id: int,
    version: int,
    *,
    how: ChampionChange = "refit",
    reason: str | None = None,
    by: str | None = None,
) -> None:
    """Make a version the champion, record the change and retire the champion before it.

    Nothing changes when the version is the champion already.

    :raises BadData: when the stream has no such version.
    """
    lock(connection, stream_id)
    if champion_version(connection, stream_id) == version:
        return
    of_stream = update(model).where(model.c.stream_id == stream_id)
    connection.execute(of_stream.where(model.c.status == "champion").values(status="retired"))
    chosen = of_stream.where(model.c.version == version).values(status="champion", reason=None)
    if connection.execute(chosen).rowcount != 1:
        raise BadData(f"there is no model version {version}; `tfstream models list` shows them")
    change = {"stream_id": stream_id, "version": version, "how": how, "reason": reason, "changed_by": by}
    connection.execute(insert(champion_change).values(change))


def reject(connection: Connection, stream_id: int, version: int, reason: str) -> None:
    """Set a version's status to ``rejected``, with the reason."""
    chosen = update(model).where(model.c.stream_id == stream_id, model.c.version == version)
    connection.execute(chosen.values(status="rejected", reason=reason))


def rejected_duplicate(connection: Connection, stream_id: int, sha256: str) -> ModelRow | None:
    """A version with the same bytes that was champion and was rejected later; without its bundle."""
    champions = select(champion_change.c.version).where(champion_change.c.stream_id == stream_id)
    query = _listed().where(model.c.stream_id == stream_id, model.c.version.in_(champions))
    row = connection.execute(query.where(model.c.sha256 == sha256, model.c.status == "rejected")).first()
    return None if row is None else _row(row)


def champion_version(connection: Connection, stream_id: int) -> int | None:
    """The champion's version, None without a champion; one index lookup, cheap enough to poll."""
    query = select(model.c.version).where(model.c.stream_id == stream_id, model.c.status == "champion")
    return connection.execute(query).scalar()


def champion(connection: Connection, stream_id: int) -> ModelRow | None:
    """The champion with its bundle; None where the stream has no champion.

    :raises BadData: when the bundle's bytes do not match the stored hash.
    """
    row = champion_unchecked(connection, stream_id)
    return None if row is None else require_intact(row)


def describe_missing_champion(connection: Connection, stream_id: int, topic: str) -> str:
    """A message for a stream without a champion: whether it has versions, and the command that helps."""
    newest_first = select(model.c.version, model.c.status).order_by(model.c.version.desc()).limit(1)
    newest = connection.execute(newest_first.where(model.c.stream_id == stream_id)).first()
    if newest is None:
        return f"stream {topic} has no model yet; run `tfstream train --topic {topic}`"
    shown, promoted = (
        f"`tfstream models {verb} {newest.version} --topic {topic}`" for verb in ("show", "promote")
    )
    return (
        f"no model version of {topic} is the champion: version {newest.version} is {newest.status}; "
        f"{shown} says why, and {promoted} makes it the champion all the same"
    )


def champion_unchecked(connection: Connection, stream_id: int) -> ModelRow | None:
    """The champion without a check of its bundle, so that a damaged champion does not block a refit."""
    version = champion_version(connection, stream_id)
    return None if version is None else _stored(connection, stream_id, version)


def load(connection: Connection, stream_id: int, version: int) -> ModelRow:
    """One version with its bundle.

    :raises BadData: when there is no such version, or its bytes do not match the stored hash.
    """
    return require_intact(_stored(connection, stream_id, version))


def require_intact(row: ModelRow) -> ModelRow:
    """Returns the row unchanged.

    :raises BadData: when the bundle's bytes do not match the stored hash.
    """
    if hashlib.sha256(row.bundle).hexdigest() != row.sha256:
        raise BadData(
            f"model version {row.version} is damaged: its bytes do not match its sha256; train a new model"
        )
    return row


def _stored(connection: Connection, stream_id: int, version: int) -> ModelRow:
    query = select(model).where(model.c.stream_id == stream_id, model.c.version == version)
    row = connection.execute(query).first()
    if row is None:
        raise BadData(f"there is no model version {version}; `tfstream models list` shows them")
    return _row(row, bundle=bytes(row.bundle))


def list_all(connection: Connection, stream_id: int) -> list[ModelRow]:
    """All versions, newest first, without their bundles."""
    query = _listed().where(model.c.stream_id == stream_id).order_by(model.c.version.desc())
    return [_row(row) for row in connection.execute(query)]


def _listed() -> Select[Any]:
    return select(*(column for column in model.columns if column.name != "bundle"))


def _row(row: Row[Any], **more: Any) -> ModelRow:
    fields = row._mapping
    names = [name for name in ModelRow.__dataclass_fields__ if name != "bundle"]
    return ModelRow(**{name: fields[name] for name in names}, **more)


def lock(connection: Connection, stream_id: int) -> None:
    """Wait until no other transaction writes the stream's models, so that versions count up without a gap."""
    # NO KEY: writers of readings check the stream's foreign key at the same time and must not wait
    connection.execute(text("SELECT 1 FROM stream WHERE id = :id FOR NO KEY UPDATE"), {"id": stream_id})
