"""Reads a CSV file of labelled events: an asset, and the start and end of its fault."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

from tfstream.core.spans import Span, merge_spans
from tfstream.errors import BadData
from tfstream.storage.datetimes import to_us

_COLUMNS = ("asset", "start", "end")


def read_labels(path: Path) -> dict[str, list[Span]]:
    """Events by asset in order of time, overlapping events merged. Times without a zone are in UTC.

    :raises BadData: when the file cannot be read, or a line is not an event; the message has the line number.
    """
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:
        raise BadData(f"{path} cannot be read: {error}") from None
    if missing := [name for name in _COLUMNS if name not in table.columns]:
        raise BadData(
            f"{path} has no column {', '.join(missing)}; it needs asset, start and end, times as ISO 8601"
        )
    events: dict[str, list[Span]] = {}
    for number, (asset, start, end) in enumerate(table[list(_COLUMNS)].itertuples(index=False), start=2):
        events.setdefault(asset, []).append(_event(path, number, start, end))
    return {asset: merge_spans(spans) for asset, spans in events.items()}


def _event(path: Path, number: int, start: str, end: str) -> Span:
    try:
        span = Span(*(_time_us(text) for text in (start, end)))
    except ValueError:
        raise BadData(f"{path}, line {number}: {start!r} or {end!r} is not a time in ISO 8601") from None
    if span.end_us <= span.start_us:
        raise BadData(f"{path}, line {number}: an event must end after it begins")
    return span


def _time_us(text: str) -> int:
    moment = datetime.fromisoformat(text)
    return to_us(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
