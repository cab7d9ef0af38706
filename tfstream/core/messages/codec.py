"""Bytes to readings: one decoder per stream, generated from its definition.

A struct type made for the stream's own sensors lets msgspec decode straight into typed fields: about six
times faster than ``json.loads`` and a lookup per sensor. ``struct`` packs a row of them in a third of the
time that NumPy takes, which looks at each cell's type.
"""

from __future__ import annotations

import json
import struct
from collections import Counter
from collections.abc import Callable, Sequence
from math import isfinite, nan
from typing import Any

import msgspec
import numpy as np
from msgspec.structs import astuple

from tfstream.core.messages.timestamp import check_time, time_reader
from tfstream.core.reading import MAX_ASSET_LENGTH, InvalidReading, Reading, Values, is_asset_name
from tfstream.core.stream import Encoding, Layout, StreamDefinition, TimeUnit

_Time = str | int | float | None
_Name = str | int | None
_UNKNOWN_SAMPLE_EVERY = 256
MAX_BYTES = 1 << 20  # a reading of ten thousand sensors has about a quarter of it
_TOO_DEEP = "nested deeper than a thousand levels"  # msgspec and json stop at Python's recursion limit


# Asset, event time in microseconds and the cells, float32 ``[sensors]`` in this machine's order, ±inf among
# them: for who puts many rows into one array with :func:`unpack`.
Packed = tuple[str, int, bytes]


class Codec:
    """Decodes the messages of one stream.

    ``unknown`` counts fields that the definition does not name, in one message of 256: looking at every
    message for them would cost more than decoding it.
    """

    def __init__(self, definition: StreamDefinition) -> None:
        self.unknown_fields: Counter[str] = Counter()
        self._definition = definition
        self._index = {name: i for i, name in enumerate(definition.sensors)}
        self._width = len(definition.sensors)
        self._pack = struct.Struct(f"{self._width}f").pack
        self._nothing = np.full(self._width, np.nan, dtype=np.float32)
        self._read_time = time_reader(definition.time_unit)
        self._json = definition.encoding is Encoding.JSON
        self._record_time = definition.time_unit is TimeUnit.RECORD
        self._type = _message_type(definition)
        self._decode = _decoder(definition.encoding, self._type)
        self._cells_of = self._extractor(definition.layout)
        self._long = definition.layout is Layout.LONG
        self._seen = 0

    def decode(self, value: bytes | None, key: bytes | None, record_time_ms: int | None) -> Reading:
        """One message as a reading.

        :param record_time_ms: the Kafka record's own time; None where it has none.
        :raises InvalidReading: with the reason, whatever the bytes are; nothing else is ever raised.
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
        if self._record_time:
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
        self._seen += 1
        if self._seen % _UNKNOWN_SAMPLE_EVERY == 1 and not self._long:
            self._sample_unknown(value)
        return packed

    def _parse(self, value: bytes) -> Any:
        try:
            return self._decode(value)
        except RecursionError:
            raise InvalidReading(f"unreadable {self._definition.encoding}: {_TOO_DEEP}") from None
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            if self._json and (b"NaN" in value or b"Infinity" in value):
                return _parse_lenient(value, self._type)
            raise InvalidReading(f"unreadable {self._definition.encoding}: {str(error)[:200]}") from None

    def _extractor(self, layout: Layout) -> Callable[[Any], bytes]:
        if layout is Layout.FLAT:
            return self._flat_cells
        return self._nested_cells if layout is Layout.NESTED else self._long_cells

    def _flat_cells(self, message: Any) -> bytes:
        return self._packed(astuple(message)[2:])

    def _nested_cells(self, message: Any) -> bytes:
        values = message.values
        if isinstance(values, bytes):
            return self._blob(values)
        cells = values if isinstance(values, list) else astuple(values)
        if len(cells) != self._width:
            raise InvalidReading(f"the message has {len(cells)} values; the stream has {self._width} sensors")
        return self._packed(cells)

    def _packed(self, cells: Any) -> bytes:
        """What float32 cannot hold becomes ±inf, None becomes NaN."""
        try:
            return self._pack(*cells)
        except struct.error:  # a cell is None
            with np.errstate(over="ignore"):
                return np.array(cells, dtype=np.float32).tobytes()

    def _blob(self, blob: bytes) -> bytes:
        if len(blob) != 4 * self._width:
            raise InvalidReading(
                f"the message has {len(blob)} bytes of values; "
                f"the stream's {self._width} float32 need {4 * self._width}"
            )
        return np.frombuffer(blob, dtype="<f4").astype(np.float32).tobytes()

    def _long_cells(self, message: Any) -> bytes:
        cells = self._nothing.copy()
        index = self._index.get(message.sensor)
        if index is None:
            self.unknown_fields[message.sensor[:80]] += 1
        else:
            with np.errstate(over="ignore"):
                cells[index] = np.nan if message.value is None else message.value
        return cells.tobytes()

    def _sample_unknown(self, value: bytes) -> None:
        try:
            fields = _loads(value, self._definition.encoding)
        except (ValueError, RecursionError):
            return
        if self._definition.layout is Layout.NESTED:
            fields = fields.get("values")
        if isinstance(fields, dict):
            known = {*self._index, self._definition.time_field, self._definition.asset_field}
            self.unknown_fields.update(name[:80] for name in fields if name not in known)


def _loads(value: bytes, encoding: Encoding) -> Any:
    return msgspec.json.decode(value) if encoding is Encoding.JSON else msgspec.msgpack.decode(value)


def _message_type(definition: StreamDefinition) -> type:
    """The struct of one message: ``time``, ``asset``, then what the layout holds."""
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


def _decoder(encoding: Encoding, message_type: type) -> Callable[[bytes], Any]:
    if encoding is Encoding.JSON:
        return msgspec.json.Decoder(message_type).decode
    return msgspec.msgpack.Decoder(message_type).decode


def _parse_lenient(value: bytes, message_type: type) -> Any:
    """Python's own producers write NaN and Infinity, which JSON does not know: those cells are missing."""
    try:
        return msgspec.convert(json.loads(value), message_type)
    except RecursionError:
        raise InvalidReading(f"unreadable json: {_TOO_DEEP}") from None
    except (ValueError, msgspec.ValidationError) as error:
        raise InvalidReading(f"unreadable json: {str(error)[:200]}") from None


def unpack(cells: Sequence[bytes], sensors: int) -> Values:
    """Packed rows as one array ``[rows, sensors]`` of its own; ±inf become NaN."""
    values = np.frombuffer(bytearray().join(cells), dtype=np.float32).reshape(len(cells), sensors)
    finite = np.isfinite(values)
    if not finite.all():
        values[~finite] = np.nan
    return values


def _finite(cells: bytes) -> Values:
    """``[sensors]``; ±inf become NaN."""
    values = np.frombuffer(bytearray(cells), dtype=np.float32)
    with np.errstate(over="ignore", invalid="ignore"):
        squares = values.dot(values)  # one look at a whole row: a tenth of the price of a mask
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
