"""The events of a backtest: from a file of labels, or from anomalies with the verdict ``confirmed``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from tfstream.core.spans import Span, merge_spans
from tfstream.errors import BadData
from tfstream.storage import anomalies
from tfstream.storage.database import Database
from tfstream.storage.datetimes import to_us
from tfstream.storage.streams import StreamRecord

Events = Mapping[str, Sequence[Span]]
CONFIRMED = "anomalies with the verdict confirmed"


class LabelledEvents(NamedTuple):
    """Events by asset that overlap the span; ``source`` names where they come from, None without events."""

    by_asset: Events
    source: str | None


def labels_within(labels: Events, source: str, span: Span, assets: Sequence[str]) -> LabelledEvents:
    """The events of a file of labels that overlap a span.

    :raises BadData: when the file labels an asset that is not in ``assets``.
    """
    if unknown := sorted(set(labels) - set(assets)):
        raise BadData(f"{source} names assets without readings in the span: {', '.join(unknown[:5])}")
    return LabelledEvents(_within(labels, span), source)


def confirmed_within(database: Database, stream: StreamRecord, span: Span) -> LabelledEvents:
    """The stream's confirmed anomalies that overlap a span; those of an asset that overlap are one event."""
    with database.begin() as connection:
        rows = anomalies.confirmed(connection, stream.id, span)
    spans: dict[str, list[Span]] = {}
    for row in rows:
        ended_us = span.end_us if row.ended_at is None else to_us(row.ended_at)
        spans.setdefault(row.asset, []).append(Span(to_us(row.started_at), ended_us))
    events = _within({asset: merge_spans(spans_of) for asset, spans_of in spans.items()}, span)
    return LabelledEvents(events, CONFIRMED if any(events.values()) else None)


def _within(events: Events, span: Span) -> Events:
    return {asset: [event for event in spans if event.overlaps(span)] for asset, spans in events.items()}
