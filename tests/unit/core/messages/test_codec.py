"""What a message may look like."""

from __future__ import annotations

import sys

import msgspec
import numpy as np
import pytest

from tfstream.core.messages.codec import MAX_BYTES, Codec
from tfstream.core.messages.infer_format import infer_format
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


def test_the_records_own_time() -> None:
    found = codec(time_unit=TimeUnit.RECORD).decode(b'{"asset": "x"}', None, 5)
    assert found.time_us == 5000


def test_nested_lists_must_have_a_value_for_every_sensor() -> None:
    nested = codec(layout=Layout.NESTED)
    found = nested.decode(b'{"ts": 1767614400, "asset": "x", "values": [1, null]}', None, None)
    np.testing.assert_array_equal(found.values, np.array([1, np.nan], dtype=np.float32))
    with pytest.raises(InvalidReading, match="3 values"):
        nested.decode(b'{"ts": 1767614400, "asset": "x", "values": [1, 2, 3]}', None, None)


def test_a_float32_blob() -> None:
    nested = codec(layout=Layout.NESTED, encoding=Encoding.MSGPACK)
    blob = np.array([1, np.inf], dtype="<f4").tobytes()
    message = msgspec.msgpack.encode({"ts": TIME, "asset": 7, "values": blob})
    found = nested.decode(message, None, None)
    assert found.asset == "7"
    np.testing.assert_array_equal(found.values, np.array([1, np.nan], dtype=np.float32))
    with pytest.raises(InvalidReading, match="bytes"):
        nested.decode(msgspec.msgpack.encode({"ts": TIME, "asset": 7, "values": blob[:5]}), None, None)


def test_unknown_fields_are_counted_in_a_sample() -> None:
    found = codec()
    for _ in range(257):
        found.decode(b'{"ts": 1767614400, "asset": "x", "c": 1}', None, None)
    assert found.unknown_fields == {"c": 2}


def test_a_number_in_a_string_is_no_number() -> None:
    with pytest.raises(InvalidReading, match="unreadable json"):
        codec().decode(b'{"ts": 1767614400, "asset": "x", "a": "1"}', None, None)


@pytest.mark.parametrize("encoding", list(Encoding))
@pytest.mark.parametrize(
    ("layout", "message"),
    [
        (Layout.FLAT, {"Timestamp": "2026-01-05T12:00:00Z", "device": "x", "a": 1.5, "b": 2, "note": "text"}),
        (Layout.NESTED, {"Timestamp": "2026-01-05T12:00:00Z", "device": "x", "values": {"a": 1.5, "b": 2}}),
    ],
)
def test_guessing_a_format(layout: Layout, encoding: Encoding, message: dict[str, object]) -> None:
    encode = msgspec.json.encode if encoding is Encoding.JSON else msgspec.msgpack.encode
    found = infer_format([encode(message)] * 5 + [b"\xc1"])
    assert found is not None
    assert (found.layout, found.encoding) == (layout, encoding)
    assert (found.time_field, found.asset_field) == ("Timestamp", "device")
    assert found.sensors == ("a", "b")
    assert found.unreadable == 1


def test_guessing_the_long_layout() -> None:
    sample = [b'{"ts": 1, "asset": "x", "sensor": "s%d", "value": 1}' % i for i in (1, 2, 1)]
    found = infer_format(sample)
    assert found is not None
    assert (found.layout, found.sensors) == (Layout.LONG, ("s1", "s2"))
    assert infer_format([b"hello", b""]) is None


def test_a_message_above_the_limit_is_not_even_parsed() -> None:
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
