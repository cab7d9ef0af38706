"""The format of a topic's messages, inferred from a sample."""

from __future__ import annotations

import msgspec
import pytest

from tfstream.core.messages.infer_format import infer_format
from tfstream.core.stream import Encoding, Layout


@pytest.mark.parametrize("encoding", list(Encoding))
@pytest.mark.parametrize(
    ("layout", "message"),
    [
        (Layout.FLAT, {"Timestamp": "2026-01-05T12:00:00Z", "device": "x", "a": 1.5, "b": 2, "note": "text"}),
        (Layout.NESTED, {"Timestamp": "2026-01-05T12:00:00Z", "device": "x", "values": {"a": 1.5, "b": 2}}),
    ],
)
def test_the_format_of_most_messages(layout: Layout, encoding: Encoding, message: dict[str, object]) -> None:
    encode = msgspec.json.encode if encoding is Encoding.JSON else msgspec.msgpack.encode
    inferred = infer_format([encode(message)] * 5 + [b"\xc1"])
    assert inferred is not None
    assert (inferred.layout, inferred.encoding) == (layout, encoding)
    assert (inferred.time_field, inferred.asset_field) == ("Timestamp", "device")
    assert inferred.sensors == ("a", "b")
    assert inferred.unreadable == 1


def test_the_long_layout() -> None:
    sample = [b'{"ts": 1, "asset": "x", "sensor": "s%d", "value": 1}' % i for i in (1, 2, 1)]
    inferred = infer_format(sample)
    assert inferred is not None
    assert (inferred.layout, inferred.sensors) == (Layout.LONG, ("s1", "s2"))
    assert infer_format([b"hello", b""]) is None
