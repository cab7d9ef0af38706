"""The struct type of one stream's messages, and the decoder that fills it."""

from __future__ import annotations

import json
from collections.abc import Callable
from math import nan
from typing import Any

import msgspec

from tfstream.core.reading import InvalidReading
from tfstream.core.stream import Encoding, Layout, StreamDefinition

_Time = str | int | float | None
_Name = str | int | None
TOO_DEEP = "nested deeper than a thousand levels"  # msgspec and json stop at Python's recursion limit


def message_type(definition: StreamDefinition) -> type:
    """A struct with ``time``, ``asset``, then the layout's fields.

    FLAT: one field per sensor, in the definition's order. NESTED: ``values``, a list or a struct of the
    sensors (or bytes, in MessagePack). LONG: ``sensor`` and ``value``.
    """
    names = {"time": definition.time_field, "asset": definition.asset_field}
    head: list[tuple[str, Any, Any]] = [("time", _Time, None), ("asset", _Name, None)]
    if definition.layout is Layout.LONG:
        body: list[Any] = [("sensor", str), ("value", float | None)]
        return msgspec.defstruct("Message", [*head, *body], rename=names, kw_only=True)
    sensors = {f"s{i}": name for i, name in enumerate(definition.sensors)}
    cells: list[Any] = [(field, float | None, nan) for field in sensors]
    if definition.layout is Layout.FLAT:
        return msgspec.defstruct("Message", [*head, *cells], rename={**names, **sensors})
    values = msgspec.defstruct("Values", cells, rename=sensors)
    kinds: Any = list[float | None] | values
    if definition.encoding is Encoding.MSGPACK:
        kinds = kinds | bytes
    return msgspec.defstruct("Message", [*head, ("values", kinds)], rename=names, kw_only=True)


def message_decoder(encoding: Encoding, kind: type) -> Callable[[bytes], Any]:
    if encoding is Encoding.JSON:
        return msgspec.json.Decoder(kind).decode
    return msgspec.msgpack.Decoder(kind).decode


def decode_untyped(value: bytes, encoding: Encoding) -> Any:
    """Any message, as plain Python values."""
    return msgspec.json.decode(value) if encoding is Encoding.JSON else msgspec.msgpack.decode(value)


def decode_lenient_json(value: bytes, kind: type) -> Any:
    """JSON with NaN and Infinity, which Python's own producers write and JSON does not allow.

    :raises InvalidReading: when it is not JSON apart from those, or not such a message.
    """
    try:
        return msgspec.convert(json.loads(value), kind)
    except RecursionError:
        raise InvalidReading(f"unreadable json: {TOO_DEEP}") from None
    except (ValueError, msgspec.ValidationError) as error:
        raise InvalidReading(f"unreadable json: {str(error)[:200]}") from None
