"""Unreadable input is passed on whole, with the reason beside it."""

from __future__ import annotations

from tfstream.streaming.records import Output, Record
from tfstream.streaming.topics import dead_letters_topic

_MAX_REASON = 500


def dead_letter(topic: str, record: Record, reason: str) -> Output:
    """The record as it came; headers say why and from where."""
    headers = (
        ("tfstream.reason", reason[:_MAX_REASON].encode("utf-8", "replace")),
        ("tfstream.topic", topic.encode()),
        ("tfstream.partition", str(record.partition).encode()),
        ("tfstream.offset", str(record.offset).encode()),
    )
    return Output(dead_letters_topic(topic), record.key, record.value, headers)
