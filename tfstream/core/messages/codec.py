"""Bytes to readings: one decoder for each stream, generated from its definition.

A struct type with the stream's own sensors lets msgspec decode straight into typed fields: about six times
faster than ``json.loads`` and a lookup per sensor. ``struct`` packs a row in a third of the time that NumPy
takes, because NumPy examines each cell's type.
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Callable, Sequence
from math import isfinite
from typing import Any

import msgspec
import numpy as np
from msgspec.structs import astuple

from tfstream.core.messages.message_type import (
    TOO_DEEP,
    decode_lenient_json,
    decode_untyped,
    message_decoder,
    message_type,
)
from tfstream.core.messages.timestamp import check_time, time_reader
from tfstream.core.reading import MAX_ASSET_LENGTH, InvalidReading, Reading, Values, is_asset_name
from tfstream.core.stream import Encoding, Layout, StreamDefinition, TimeUnit

_UNKNOWN_SAMPLE_EVERY = 256  # messages
_MAX_FIELD_NAME = 80  # characters, of an unknown field
MAX_BYTES = 1 << 20  # a reading of ten thousand sensors has about a quarter of it


# Asset, event time in microseconds, and the cells: float32 ``[sensors]`` in this machine's byte order, with
# ±inf among them. :func:`unpack` joins the cells of many messages into one array.
Packed = tuple[str, int, bytes]


class Codec:
    """Decodes the messages of one stream.

    ``unknown_fields`` counts fields that the definition does not name, in one message of 256: to search every
    message for them would take longer than to decode it.
    """

    def __init__(self, definition: StreamDefinition) -> None:
        self.unknown_fields: Counter[str] = Counter()
        self._definition = definition
        self._index = {name: i for i, name in enumerate(definition.sensors)}
        self._width = len(definition.sensors)
        self._pack = struct.Struct(f"{self._width}f").pack
        self._empty_row = np.full(self._width, np.nan, dtype=np.float32)
        self._read_time = time_reader(definition.time_unit)
        self._is_json = definition.encoding is Encoding.JSON
        self._is_long = definition.layout is Layout.LONG
        self._uses_record_time = definition.time_unit is TimeUnit.RECORD
        self._type = message_type(definition)
        self._decode = message_decoder(definition.encoding, self._type)
        self._cells_of = self._cells_reader(definition.layout)
        self._decoded = 0  # messages

    def decode(self, value: bytes | None, key: bytes | None, record_time_ms: int | None) -> Reading:
        """One message as a reading, with NaN where the message has no finite value.

        :param record_time_ms: the Kafka record's own timestamp; None where it has none.
        :raises InvalidReading: with the reason, for any bytes; nothing else is ever raised.
        """
        asset, time_us, cells = self.pack(value, key, record_time_ms)
        return Reading(asset, time_us, _finite(cells))

    def pack(self, value: bytes | None, key: bytes | None, record_time_ms: int | None) -> Packed:
        """As :meth:`decode`, with the cells left as bytes."""
        if not value:
            raise InvalidReading("the message is empty")
        if len(value) > MAX_BYTES:
            raise InvalidReading(f"the message has {len(value)} bytes; at most {MAX_BYTES} are read")
        message = self._parse(value)
        if self._uses_record_time:
            if record_time_ms is None:
                raise InvalidReading("the record has no timestamp of its own")
            time_us = check_time(record_time_ms * 1000)
        else:
            time_us = self._read_time(message.time)
        if record_time_ms is not None and time_us > record_time_ms * 1000 + self._definition.max_ahead_us:
            raise InvalidReading(
                "the time lies further ahead of the record's own time than the stream allows"
            )
        packed = _asset(message.asset, key), time_us, self._cells_of(message)
        self._decoded += 1
        if self._decoded % _UNKNOWN_SAMPLE_EVERY == 1 and not self._is_long:
            self._count_unknown_fields(value)
        return packed

    def _parse(self, value: bytes) -> Any:
        try:
            return self._decode(value)
        except RecursionError:
            raise InvalidReading(f"unreadable {self._definition.encoding}: {TOO_DEEP}") from None
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            if self._is_json and (b"NaN" in value or b"Infinity" in value):
                return decode_lenient_json(value, self._type)
            raise InvalidReading(f"unreadable {self._definition.encoding}: {str(error)[:200]}") from None

    def _cells_reader(self, layout: Layout) -> Callable[[Any], bytes]:
        if layout is Layout.FLAT:
            return self._flat_cells
        return self._nested_cells if layout is Layout.NESTED else self._long_cells

    def _flat_cells(self, message: Any) -> bytes:
        return self._pack_cells(astuple(message)[2:])

    def _nested_cells(self, message: Any) -> bytes:
        values = message.values
        if isinstance(values, bytes):
            return self._binary_cells(values)
        cells = values if isinstance(values, list) else astuple(values)
        if len(cells) != self._width:
            raise InvalidReading(f"the message has {len(cells)} values; the stream has {self._width} sensors")
        return self._pack_cells(cells)

    def _pack_cells(self, cells: Any) -> bytes:
        """A value beyond float32 becomes ±inf, None becomes NaN."""
        try:
            return self._pack(*cells)
        except struct.error:  # a cell is None
            with np.errstate(over="ignore"):
                return np.array(cells, dtype=np.float32).tobytes()

    def _binary_cells(self, values: bytes) -> bytes:
        """``values`` holds little-endian float32 ``[sensors]``."""
        if len(values) != 4 * self._width:
            raise InvalidReading(
                f"the message has {len(values)} bytes of values; "
                f"the stream's {self._width} float32 need {4 * self._width}"
            )
        return np.frombuffer(values, dtype="<f4").astype(np.float32).tobytes()

    def _long_cells(self, message: Any) -> bytes:
        cells = self._empty_row.copy()
        index = self._index.get(message.sensor)
        if index is None:
            self.unknown_fields[message.sensor[:_MAX_FIELD_NAME]] += 1
        else:
            with np.errstate(over="ignore"):
                cells[index] = np.nan if message.value is None else message.value
        return cells.tobytes()

    def _count_unknown_fields(self, value: bytes) -> None:
        try:
            fields = decode_untyped(value, self._definition.encoding)
        except (ValueError, RecursionError):
            return
        if self._definition.layout is Layout.NESTED:
            fields = fields.get("values")
        if isinstance(fields, dict):
            known = {*self._index, self._definition.time_field, self._definition.asset_field}
            self.unknown_fields.update(name[:_MAX_FIELD_NAME] for name in fields if name not in known)


def unpack(cells: Sequence[bytes], sensors: int) -> Values:
    """Packed rows as one new array ``[rows, sensors]``; ±inf become NaN."""
    values = np.frombuffer(bytearray().join(cells), dtype=np.float32).reshape(len(cells), sensors)
    finite = np.isfinite(values)
    if not finite.all():
        values[~finite] = np.nan
    return values


def _finite(cells: bytes) -> Values:
    """``[sensors]``; ±inf become NaN."""
    values = np.frombuffer(bytearray(cells), dtype=np.float32)
    squares = np.vdot(values, values)  # finite only if all are; unlike ``dot`` it never warns
    if not isfinite(squares):
        values[~np.isfinite(values)] = np.nan
    return values


def _asset(name: str | int | None, key: bytes | None) -> str:
    if name is None:
        if not key:
            raise InvalidReading("neither the message nor its key names the asset")
        try:
            name = key.decode()
        except UnicodeDecodeError:
            raise InvalidReading("the message key that names the asset is not UTF-8") from None
    asset = str(name)
    if not is_asset_name(asset):
        raise InvalidReading(f"the asset's name is empty, unprintable or longer than {MAX_ASSET_LENGTH}")
    return asset
