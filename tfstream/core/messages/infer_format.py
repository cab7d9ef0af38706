"""The format of a topic's messages, inferred from a sample."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from tfstream.core.messages.timestamp import read_auto
from tfstream.core.reading import InvalidReading
from tfstream.core.stream import Encoding, Layout

_TIME_NAMES = ("ts", "timestamp", "time", "datetime", "event_time", "t")
_ASSET_NAMES = ("asset", "asset_id", "device", "device_id", "machine", "unit", "id")
_NESTED_NAME = "values"
_LONG_NAMES = ("sensor", "value")


@dataclass(frozen=True, kw_only=True, slots=True)
class InferredFormat:
    """The format of most messages of a sample of ``messages``; ``unreadable`` of them are no maps."""

    encoding: Encoding
    layout: Layout
    time_field: str | None
    asset_field: str | None
    sensors: tuple[str, ...]
    messages: int
    unreadable: int


def infer_format(values: Sequence[bytes]) -> InferredFormat | None:
    """The format of most messages; None when no message is a JSON or MessagePack map."""
    decoded = {encoding: [_decode_map(value, encoding) for value in values] for encoding in Encoding}
    encoding = max(decoded, key=lambda name: sum(message is not None for message in decoded[name]))
    maps = [message for message in decoded[encoding] if message is not None]
    if not maps:
        return None
    time_field = _time_field(maps)
    asset_field = _field_named(maps, _ASSET_NAMES)
    layout = _layout(maps)
    return InferredFormat(
        encoding=encoding,
        layout=layout,
        time_field=time_field,
        asset_field=asset_field,
        sensors=_sensors(maps, layout, {time_field, asset_field}),
        messages=len(values),
        unreadable=len(values) - len(maps),
    )


def _decode_map(value: bytes, encoding: Encoding) -> dict[str, Any] | None:
    decode = msgspec.json.decode if encoding is Encoding.JSON else msgspec.msgpack.decode
    try:
        message = decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError, RecursionError):
        return None
    is_map = isinstance(message, dict) and all(isinstance(name, str) for name in message)
    return message if is_map else None


def _time_field(maps: Sequence[dict[str, Any]]) -> str | None:
    """A field with a usual name, or else the first text field whose values are all times after 2000."""
    named = _field_named(maps, _TIME_NAMES)
    if named is not None:
        return named
    texts = [name for name in maps[0] if isinstance(maps[0][name], str)]
    return next((name for name in texts if all(_is_time(message.get(name)) for message in maps)), None)


def _is_time(raw: Any) -> bool:
    try:
        return isinstance(raw, str) and read_auto(raw) > 946_684_800_000_000
    except InvalidReading:
        return False


def _field_named(maps: Sequence[dict[str, Any]], names: Iterable[str]) -> str | None:
    """The first of the names that most messages have, in upper or lower case."""
    counts = Counter(name for message in maps for name in message)
    for wanted in names:
        frequent = [name for name in counts if name.lower() == wanted and counts[name] > len(maps) / 2]
        if frequent:
            return frequent[0]
    return None


def _layout(maps: Sequence[dict[str, Any]]) -> Layout:
    half = len(maps) / 2
    if sum(all(name in message for name in _LONG_NAMES) for message in maps) > half:
        return Layout.LONG
    if sum(isinstance(message.get(_NESTED_NAME), dict | list) for message in maps) > half:
        return Layout.NESTED
    return Layout.FLAT


def _sensors(maps: Sequence[dict[str, Any]], layout: Layout, taken: set[str | None]) -> tuple[str, ...]:
    """The names of numeric fields in order of appearance; a list's values are named sensor_1, sensor_2, …"""
    names: dict[str, None] = {}
    for message in maps:
        if layout is Layout.LONG:
            names[str(message.get("sensor"))] = None
            continue
        cells = message.get(_NESTED_NAME) if layout is Layout.NESTED else message
        if isinstance(cells, list):
            cells = {f"sensor_{i + 1}": value for i, value in enumerate(cells)}
        if isinstance(cells, dict):
            names.update(
                (name, None) for name, value in cells.items() if name not in taken and _is_number(value)
            )
    return tuple(names)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
