"""The stored stream definitions."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection, Row, func, select
from sqlalchemy import update as update_
from sqlalchemy.dialects.postgresql import insert

from tfstream.core.stream import StreamDefinition
from tfstream.errors import ConfigurationError
from tfstream.storage.tables import stream

_ROWS = select(stream.c.id, stream.c.topic, stream.c.definition)


class StreamRecord(NamedTuple):
    """A defined stream and its key in the other tables."""

    id: int
    definition: StreamDefinition


def add(connection: Connection, definition: StreamDefinition) -> StreamRecord:
    """Store a new definition.

    :raises ConfigurationError: when the topic has a definition already.
    """
    values = {"topic": definition.topic, "definition": json.loads(definition.to_json())}
    statement = insert(stream).values(values).on_conflict_do_nothing().returning(stream.c.id)
    stream_id = connection.execute(statement).scalar()
    if stream_id is None:
        raise ConfigurationError(
            f"stream {definition.topic} is defined already; "
            f"change it with `tfstream streams set {definition.topic}`"
        )
    return StreamRecord(stream_id, definition)


def find(connection: Connection, topic: str) -> StreamRecord | None:
    """The stream of a topic; None where the topic is not defined.

    :raises ConfigurationError: when the definition cannot be read.
    """
    row = connection.execute(_ROWS.where(stream.c.topic == topic)).first()
    return None if row is None else _record(row)


def get(connection: Connection, topic: str) -> StreamRecord:
    """The stream of a topic.

    :raises ConfigurationError: when the topic is not defined, or its definition cannot be read.
    """
    record = find(connection, topic)
    if record is None:
        raise _undefined(topic)
    return record


def require(connection: Connection, topic: str | None) -> None:
    """Check that a topic is defined, even if its definition cannot be read; None stands for all topics.

    :raises ConfigurationError: when the topic is not defined.
    """
    if topic is not None and topic not in topics(connection):
        raise _undefined(topic)


def _undefined(topic: str) -> ConfigurationError:
    return ConfigurationError(f"stream {topic} is not defined; run `tfstream streams add {topic}`")


def list_all(connection: Connection) -> list[StreamRecord]:
    """All streams, sorted by topic.

    :raises ConfigurationError: when a definition cannot be read.
    """
    return [_record(row) for row in connection.execute(_ROWS.order_by(stream.c.topic))]


def by_topic(connection: Connection) -> dict[str, StreamRecord | ConfigurationError]:
    """All streams by topic; a stream whose definition cannot be read has the error as its value."""
    streams: dict[str, StreamRecord | ConfigurationError] = {}
    for row in connection.execute(_ROWS.order_by(stream.c.topic)):
        try:
            streams[row.topic] = _record(row)
        except ConfigurationError as error:
            streams[row.topic] = error
    return streams


def topics(connection: Connection) -> list[str]:
    """The defined topics, sorted, including those whose definition cannot be read."""
    return list(connection.execute(select(stream.c.topic).order_by(stream.c.topic)).scalars())


def creation_times(connection: Connection) -> dict[int, datetime]:
    """The time at which each stream was defined, by the stream's id."""
    return dict(connection.execute(select(stream.c.id, stream.c.created_at)).all())


def update(connection: Connection, definition: StreamDefinition) -> None:
    """Replace the definition of a topic.

    :raises ConfigurationError: when the topic is not defined.
    """
    record = get(connection, definition.topic)
    values = {"definition": json.loads(definition.to_json()), "changed_at": func.now()}
    connection.execute(update_(stream).where(stream.c.id == record.id).values(values))


def _record(row: Row[Any, Any, Any]) -> StreamRecord:
    try:
        return StreamRecord(row.id, StreamDefinition.from_json(json.dumps(row.definition)))
    except (msgspec.DecodeError, ConfigurationError) as error:
        raise ConfigurationError(
            f"the definition of stream {row.topic} in table stream cannot be read ({error}): it was changed "
            f"by hand, or written by another version of tfstream; correct the row in that table"
        ) from None
