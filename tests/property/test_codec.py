"""For any bytes, decoding gives a reading or raises InvalidReading."""

from __future__ import annotations

import json

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfstream.core.messages.codec import Codec, unpack
from tfstream.core.messages.encode import encode
from tfstream.core.reading import InvalidReading, Reading
from tfstream.core.stream import Encoding, Layout, StreamDefinition, TimeUnit

SENSORS = ("2_FIC-101.PV", "b c", "ü")
FORMATS = [(layout, encoding) for layout in Layout for encoding in Encoding]


def codec(layout: Layout, encoding: Encoding, unit: TimeUnit = TimeUnit.AUTO) -> Codec:
    return Codec(
        StreamDefinition(
            topic="t", sensors=SENSORS, interval_us=1, layout=layout, encoding=encoding, time_unit=unit
        )
    )


HOSTILE = [
    b"",
    b"{",
    b"null",
    b"[]",
    b'{"ts": 1e999, "asset": "a"}',
    b'{"ts": 1' + b"0" * 400 + b', "asset": "a"}',
    b'{"ts": true, "asset": "a"}',
    b'{"ts": "now", "asset": "a"}',
    b'{"ts": 1000000000, "asset": "\\ud800"}',
    b'{"ts": 1000000000, "asset": "\xff"}',
    b'{"ts": 1000000000, "asset": {}}',
    b'{"ts": 1000000000, "asset": "a", "b c": "12"}',
    b'{"ts": 1000000000, "asset": "a", "values": ' + b"[" * 100_000,
    b'{"ts": NaN, "asset": "a"}',
    b'{"ts": -Infinity, "asset": "a", "b c": NaN}',
    b"\xc1" * 20,
]


@pytest.mark.parametrize(("layout", "encoding"), FORMATS)
@pytest.mark.parametrize("value", HOSTILE)
def test_hostile_bytes_are_decoded_or_refused(layout: Layout, encoding: Encoding, value: bytes) -> None:
    check_decoding(codec(layout, encoding), value, None, 10**12)


@settings(max_examples=300, derandomize=True, deadline=None)
@given(
    st.sampled_from(FORMATS),
    st.sampled_from(list(TimeUnit)),
    st.binary(max_size=60)
    | st.dictionaries(
        st.sampled_from(["ts", "asset", "values", "sensor", "value", *SENSORS]),
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats()
        | st.text(max_size=8)
        | st.lists(st.floats(), max_size=4),
    ).map(
        lambda fields: repr(fields).replace("'", '"').replace("None", "null").replace("nan", "NaN").encode()
    ),
    st.none() | st.binary(max_size=8),
    st.none() | st.integers(0, 2**42),
)
def test_any_bytes_are_decoded_or_refused(
    form: tuple[Layout, Encoding], unit: TimeUnit, value: bytes, key: bytes | None, time_ms: int | None
) -> None:
    check_decoding(codec(*form, unit), value, key, time_ms)


def check_decoding(decoder: Codec, value: bytes, key: bytes | None, time_ms: int | None) -> None:
    """Decoding raises InvalidReading, or returns a valid reading."""
    try:
        reading = decoder.decode(value, key, time_ms)
    except InvalidReading:
        return
    assert reading.asset
    assert reading.values.dtype == np.float32
    assert reading.values.shape == (len(SENSORS),)
    assert not np.isinf(reading.values).any()


@settings(max_examples=150, derandomize=True, deadline=None)
@given(
    st.sampled_from(FORMATS),
    st.sampled_from([unit for unit in TimeUnit if unit is not TimeUnit.RECORD]),
    st.integers(10**15, 4 * 10**15).map(lambda value: value - value % 1_000_000),
    st.lists(st.floats(width=32, allow_infinity=False), min_size=3, max_size=3),
)
def test_decoding_inverts_encoding(
    form: tuple[Layout, Encoding], unit: TimeUnit, time_us: int, cells: list[float]
) -> None:
    layout, encoding = form
    definition = StreamDefinition(
        topic="t", sensors=SENSORS, interval_us=1, layout=layout, encoding=encoding, time_unit=unit
    )
    sent = Reading("line-1", time_us, np.array(cells, dtype=np.float32))
    decoder, merged = Codec(definition), np.full(3, np.nan, dtype=np.float32)
    for message in encode(sent, definition):
        reading = decoder.decode(message, None, None)
        assert (reading.asset, reading.time_us) == ("line-1", time_us)
        np.copyto(merged, reading.values, where=~np.isnan(reading.values))
    np.testing.assert_array_equal(merged, sent.values)


CELL = st.none() | st.sampled_from([0.0, -0.0, 1e300, -1e300, 3.4028235e38, 1e-46]) | st.floats(width=32)


@settings(max_examples=200, derandomize=True, deadline=None)
@given(
    st.lists(st.lists(CELL, min_size=3, max_size=3), max_size=8),
    st.sampled_from([Layout.FLAT, Layout.NESTED]),
    st.sampled_from(list(Encoding)),
)
def test_packed_rows_hold_the_decoded_values(
    table: list[list[float | None]], layout: Layout, encoding: Encoding
) -> None:
    """Rows in one array equal single readings, and both round to float32 as NumPy does; ±inf is missing."""
    decoder, packed, decoded = codec(layout, encoding), [], []
    for cells in table:
        fields = dict(zip(SENSORS, cells, strict=True))
        body = fields if layout is Layout.FLAT else {"values": fields}
        message = {"ts": 1_767_614_400, "asset": "a", **body}
        value = (
            msgspec.msgpack.encode(message) if encoding is Encoding.MSGPACK else json.dumps(message).encode()
        )
        packed.append(decoder.pack(value, None, None)[2])
        decoded.append(decoder.decode(value, None, None).values)
    with np.errstate(over="ignore"):
        expected = np.array(table, dtype=np.float64).astype(np.float32).reshape(-1, 3)
    expected[~np.isfinite(expected)] = np.nan
    np.testing.assert_array_equal(unpack(packed, 3), expected)
    np.testing.assert_array_equal(np.array(decoded).reshape(-1, 3), expected)
