"""The message that holds an unreadable record, for the dead-letter topic."""

from __future__ import annotations

from tfstream.streaming.records import Output, Record
from tfstream.streaming.topics import dead_letters_topic

_MAX_REASON = 500  # characters
_MAX_BYTES = 900_000  # brokers and clients accept one million bytes by default, headers included


def dead_letter_output(topic: str, record: Record, reason: str) -> Output:
    """The unreadable record, with headers that name the reason and the record's topic, partition and offset.

    A record that is larger than the dead-letter topic accepts is cut: a message that cannot be written would
    stop the partition for good. The input topic has the whole record at the offset in the headers.
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
