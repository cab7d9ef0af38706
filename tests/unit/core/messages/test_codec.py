"""The forms of a message that the codec reads, and those that it refuses."""

from __future__ import annotations

import sys

import msgspec
import numpy as np
import pytest

from tfstream.core.messages.codec import MAX_BYTES, Codec
from tfstream.core.reading import InvalidReading
from tfstream.core.stream import Encoding, Layout, StreamDefinition, TimeUnit

TIME = 1_767_614_400


def codec(**more: object) -> Codec:
    return Codec(StreamDefinition(topic="t", sensors=("a", "b"), interval_us=1, **more))  # type: ignore[arg-type]


def test_the_key_names_the_asset_when_the_message_does_not() -> None:
    message = b'{"ts": 1767614400, "a": 1}'
    assert codec().decode(message, b"line-1", None).asset == "line-1"
    with pytest.raises(InvalidReading, match="asset"):
        codec().decode(message, None, None)
    with pytest.raises(InvalidReading, match="UTF-8"):
        codec().decode(message, b"\xff", None)


def test_a_reading_too_far_ahead_of_its_record_is_refused() -> None:
    message = b'{"ts": 1767614400, "asset": "x", "a": 1}'
    assert codec().decode(message, None, TIME * 1000 - 3_600_000).time_us == TIME * 1_000_000
    with pytest.raises(InvalidReading, match="ahead"):
        codec().decode(message, None, TIME * 1000 - 3_600_001)


def test_the_time_of_the_kafka_record() -> None:
    reading = codec(time_unit=TimeUnit.RECORD).decode(b'{"asset": "x"}', None, 5)
    assert reading.time_us == 5000


def test_nested_lists_must_have_a_value_for_every_sensor() -> None:
    nested = codec(layout=Layout.NESTED)
    reading = nested.decode(b'{"ts": 1767614400, "asset": "x", "values": [1, null]}', None, None)
    np.testing.assert_array_equal(reading.values, np.array([1, np.nan], dtype=np.float32))
    with pytest.raises(InvalidReading, match="3 values"):
        nested.decode(b'{"ts": 1767614400, "asset": "x", "values": [1, 2, 3]}', None, None)


def test_nested_values_as_float32_bytes() -> None:
    nested = codec(layout=Layout.NESTED, encoding=Encoding.MSGPACK)
    binary = np.array([1, np.inf], dtype="<f4").tobytes()
    message = msgspec.msgpack.encode({"ts": TIME, "asset": 7, "values": binary})
    reading = nested.decode(message, None, None)
    assert reading.asset == "7"
    np.testing.assert_array_equal(reading.values, np.array([1, np.nan], dtype=np.float32))
    with pytest.raises(InvalidReading, match="bytes"):
        nested.decode(msgspec.msgpack.encode({"ts": TIME, "asset": 7, "values": binary[:5]}), None, None)


def test_unknown_fields_are_counted_in_a_sample() -> None:
    decoder = codec()
    for _ in range(257):
        decoder.decode(b'{"ts": 1767614400, "asset": "x", "c": 1}', None, None)
    assert decoder.unknown_fields == {"c": 2}


def test_a_number_in_a_string_is_refused() -> None:
    with pytest.raises(InvalidReading, match="unreadable json"):
        codec().decode(b'{"ts": 1767614400, "asset": "x", "a": "1"}', None, None)


def test_a_message_above_the_limit_is_not_parsed() -> None:
    head = b'{"ts": 1767614400, "asset": "x", "a": 1, "note": "'
    fits = head + b"." * (MAX_BYTES - len(head) - 2) + b'"}'
    assert codec().decode(fits, None, None).values[0] == 1
    with pytest.raises(InvalidReading, match=f"has {MAX_BYTES + 1} bytes; at most {MAX_BYTES} are read"):
        codec().decode(fits + b" ", None, None)


@pytest.mark.parametrize("encoding", Encoding)
@pytest.mark.parametrize("lenient", [b"", b", NaN"])
def test_a_message_that_is_nested_without_end_is_refused(encoding: Encoding, lenient: bytes) -> None:
    levels = sys.getrecursionlimit()
    if encoding is Encoding.JSON:
        deep = b'{"ts": 1767614400, "asset": "x", "note": ' + b"[" * levels + b"1" + b"]" * levels + lenient
    else:
        deep = b"\x81\xa4note" + b"\x91" * levels + b"\x01"
    with pytest.raises(InvalidReading, match="nested deeper than a thousand levels"):
        codec(encoding=encoding).decode(deep, None, None)
