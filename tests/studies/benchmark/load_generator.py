"""Messages like those of a plant's gateway: flat JSON, 127 sensors, one row a second for each asset."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from tests.studies.simulated_readings import SECOND_US, names, readings
from tfstream.core.messages.anomaly_event import iso
from tfstream.core.messages.encode import encode
from tfstream.core.reading import Reading
from tfstream.core.stream import StreamDefinition

SENSORS = 127
START_US = 1_767_571_200_000_000  # 2026-01-05 00:00 UTC
_APART = 13  # rows between successive assets, so that no two assets send the same values
_BODIES = 4096  # different rows, which are then repeated
_DIGITS = 4


class LoadMessage(NamedTuple):
    """A row of one asset, with its partition."""

    partition: int
    key: bytes
    value: bytes
    time_ms: int


def definition(topic: str, interval_us: int = SECOND_US) -> StreamDefinition:
    """The stream of a topic of the benchmark."""
    return StreamDefinition(topic=topic, sensors=names(SENSORS), interval_us=interval_us)


class BenchmarkPlant:
    """Generates the messages of ``assets`` assets, row by row."""

    def __init__(
        self, assets: int, partitions: int = 1, start_us: int = START_US, interval_us: int = SECOND_US
    ) -> None:
        self.assets = assets
        self._partitions = partitions
        self.start_us = start_us
        self._interval_us = interval_us
        self._keys = [f"asset-{number:05}".encode() for number in range(assets)]
        self._bodies = _bodies()

    def messages(self, first: int, stop: int) -> Iterator[LoadMessage]:
        """The rows ``first`` to ``stop``, each with all assets one after the other."""
        for row in range(first, stop):
            for asset in range(self.assets):
                yield self.message(row, asset, self.start_us + row * self._interval_us)

    def message(self, row: int, asset: int, time_us: int) -> LoadMessage:
        """The message of one row of one asset at a time."""
        key = self._keys[asset]
        body = self._bodies[(row + _APART * asset) % len(self._bodies)]
        value = b'{"ts":"%s","asset":"%s",%s' % (iso(time_us).encode(), key, body)
        return LoadMessage(asset % self._partitions, key, value, time_us // 1000)


def _bodies() -> list[bytes]:
    """The messages without time and asset."""
    stream = definition("any")
    values = readings(_BODIES, SENSORS, seed=1).round(_DIGITS)
    whole = (next(encode(Reading("x", START_US, row.astype(np.float32)), stream)) for row in values)
    return [message[message.index(b'"s0"') :] for message in whole]
