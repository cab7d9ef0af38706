"""Readings to messages, for ``replay`` and the demo: the inverse of :mod:`tfstream.core.messages.codec`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import numpy as np

from tfstream.core.messages.anomaly_event import iso
from tfstream.core.reading import Reading
from tfstream.core.stream import Encoding, Layout, StreamDefinition, TimeUnit

_PER_UNIT = {TimeUnit.SECONDS: 1_000_000, TimeUnit.MILLISECONDS: 1_000, TimeUnit.MICROSECONDS: 1}


def encode(reading: Reading, definition: StreamDefinition) -> Iterator[bytes]:
    """A reading as one message, or in the long layout one message for each sensor with a value.

    The messages leave missing cells out.
    """
    encode_map: Callable[[Any], bytes] = (
        msgspec.json.encode if definition.encoding is Encoding.JSON else msgspec.msgpack.encode
    )
    head = {
        definition.time_field: _time(reading.time_us, definition.time_unit),
        definition.asset_field: reading.asset,
    }
    cells = {
        name: _shortest(value)
        for name, value in zip(definition.sensors, reading.values, strict=True)
        if np.isfinite(value)
    }
    if definition.layout is Layout.FLAT:
        yield encode_map(head | cells)
    elif definition.layout is Layout.NESTED:
        yield encode_map(head | {"values": cells})
    else:
        for name, value in cells.items():
            yield encode_map(head | {"sensor": name, "value": value})


def _shortest(value: np.float32) -> float:
    """The shortest decimal number that reads as the same float32: 0.1 instead of 0.10000000149011612."""
    return float(str(value))


def _time(time_us: int, unit: TimeUnit) -> str | int | float:
    if unit is TimeUnit.NANOSECONDS:
        return time_us * 1000
    if unit not in _PER_UNIT:
        return iso(time_us)
    whole, rest = divmod(time_us, _PER_UNIT[unit])
    return whole if not rest else time_us / _PER_UNIT[unit]
