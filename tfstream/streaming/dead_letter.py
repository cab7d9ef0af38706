"""Unreadable input is passed on whole, with the reason beside it."""

from __future__ import annotations

from tfstream.streaming.records import Output, Record
from tfstream.streaming.topics import dead_letters_topic

_MAX_REASON = 500
_MAX_BYTES = 900_000  # brokers and clients take a million unless told otherwise, headers included


def dead_letter(topic: str, record: Record, reason: str) -> Output:
    """The record as it came; headers say why and from where.

    What is too large to be written is cut: a message that cannot be passed on would stop the partition for
    good. The input topic has it whole, where the headers say.
    """
    key = (record.key or b"")[: _MAX_BYTES // 2]
    value = (record.value or b"")[: _MAX_BYTES - len(key)]
    headers = (
        ("tfstream.reason", reason[:_MAX_REASON].encode("utf-8", "replace")),
        ("tfstream.topic", topic.encode()),
        ("tfstream.partition", str(record.partition).encode()),
        ("tfstream.offset", str(record.offset).encode()),
        ("tfstream.size", str(len(record.value or b"")).encode()),
    )
    return Output(
        dead_letters_topic(topic),
        None if record.key is None else key,
        None if record.value is None else value,
        headers,
    )
