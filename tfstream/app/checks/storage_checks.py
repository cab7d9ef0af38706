"""Checks of what is stored of a stream: how far `record` and `sink` are, how old the newest rows are."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tfstream.app.checks.check_context import (
    CheckContext,
    CheckWarning,
    kafka_properties,
    open_connection,
    require_stream,
)
from tfstream.app.checks.time_ago import time_ago
from tfstream.core.stream import StreamDefinition
from tfstream.storage import progress, readings, scores
from tfstream.streaming import topics
from tfstream.streaming.consumer.offsets import topic_ends

_STALE_ROWS = 30
_STALE_AT_LEAST = timedelta(minutes=10)
_STALE_REMEDIES = (
    "no new readings are stored: does the producer send to {topic}, and does `tfstream record` run?",
    "no new scores are stored: does `tfstream score` run, and does its log say why it does not score?",
)


def consumers(context: CheckContext) -> str:
    """How far `record` and `sink` are behind the ends of their topics."""
    lags = []
    for consumer, topic in (
        ("record", context.topic),
        ("sink", topics.anomalies_topic(context.topic)),
    ):
        ends = topic_ends(kafka_properties(context), topic)
        with open_connection(context) as connection:
            stored = progress.next_offsets(connection, consumer, topic)
        behind = sum(end - stored.get(partition, 0) for partition, end in ends.items())
        lags.append(_lag(consumer, behind) if stored else f"{consumer} has not begun")
    return ", ".join(lags)


def _lag(consumer: str, offsets: int) -> str:
    """At most, because the offsets of transaction markers count, too."""
    return f"{consumer} at most {offsets} records behind" if offsets else f"{consumer} up to date"


def freshness(context: CheckContext) -> str:
    """The newest stored reading and score are not older than some rows of the stream."""
    stream, now = require_stream(context), datetime.now(UTC)
    with open_connection(context) as connection:
        newest = (readings.newest_at(connection, stream.id), scores.newest_at(connection, stream.id))
    detail = f"last reading {time_ago(newest[0], now)}, last score {time_ago(newest[1], now)}"
    remedies = [
        remedy.format(topic=context.topic)
        for moment, remedy in zip(newest, _STALE_REMEDIES, strict=True)
        if moment is not None and now - moment > _stale_after(stream.definition)
    ]
    if remedies:
        raise CheckWarning(detail, "; ".join(remedies))
    return detail


def _stale_after(definition: StreamDefinition) -> timedelta:
    """Rows come after the lateness, scores every eight rows: this is nearly four times as long."""
    waited_us = _STALE_ROWS * definition.interval_us + definition.lateness_us
    return max(_STALE_AT_LEAST, timedelta(microseconds=waited_us))
