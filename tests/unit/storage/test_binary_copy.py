"""The bytes of a COPY, compared with rows built field by field from the format's description."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from tfstream.storage.binary_copy import HEADER, TRAILER, encode_readings, encode_rows

EPOCH_2000_US = 946_684_800_000_000


def row(stream_id: int, asset: str, time_us: int, values: list[float]) -> bytes:
    """One row of four fields: each its length, then its bytes, big-endian."""
    cells = b"".join(struct.pack(">if", 4, value) for value in values)
    array = struct.pack(">5i", 1, 0, 700, len(values), 1) + cells
    fields = [struct.pack(">i", stream_id), asset.encode(), struct.pack(">q", time_us - EPOCH_2000_US), array]
    return struct.pack(">h", 4) + b"".join(struct.pack(">i", len(field)) + field for field in fields)


@pytest.mark.parametrize("assets", [["a", "b", "c"], ["pump-1", "pümp", "a"], ["x" * 200, "é", "pump"], []])
def test_rows_follow_the_format(assets: list[str]) -> None:
    rng = np.random.default_rng(len(assets))
    values = rng.normal(size=(len(assets), 5)).astype(np.float32)
    values[1:2, 3] = np.nan
    times = np.arange(len(assets), dtype=np.int64) * 999_999_937 + 1_767_571_200_000_000
    expected = {
        row(7, *fields) for fields in zip(assets, times.tolist(), map(np.ndarray.tolist, values), strict=True)
    }
    encoded = b"".join(encode_rows(7, assets, times, values))
    assert len(encoded) == sum(map(len, expected))
    assert all(encoded.count(encoded_row) == 1 for encoded_row in expected)
    assert encode_readings(7, assets, times, values) == HEADER + encoded + TRAILER


def test_rows_of_assets_of_one_length_keep_their_order() -> None:
    values = np.arange(6, dtype=np.float32).reshape(3, 2)
    times = np.array([3, 1, 2], dtype=np.int64)
    expected = [
        row(1, name, at, cells.tolist()) for name, at, cells in zip("bab", times, values, strict=True)
    ]
    assert encode_rows(1, list("bab"), times, values) == [b"".join(expected)]
