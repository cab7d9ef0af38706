"""The readings of the chaos run: what all assets send in one second, decided by the seed."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from tests.integration.support.plants import SENSORS

PARTITIONS = 6
ASSETS = tuple(f"pump-{number}" for number in range(9))
START_S = 1_767_657_600  # 2026-01-06 00:00 UTC; the model has learnt from the day before
_FAULT_EVERY, _FAULT_ROWS = 150, 24


class SourceMessage(NamedTuple):
    """A record of the source topic."""

    partition: int
    key: bytes
    value: bytes | None
    time_ms: int


@dataclass(slots=True)
class SourceReading:
    """A reading before it is encoded; ``values`` by sensor, None for a null."""

    asset: str
    second: int
    values: dict[str, float | str | None]


@dataclass(slots=True)
class ReadingRound:
    """The readings of all assets in one second, and ``malformed`` values that are no readings.

    ``jump`` is the number of seconds by which the plant's clock moves after this round.
    """

    second: int
    readings: list[SourceReading]
    malformed: list[bytes | None] = field(default_factory=list)
    jump: int = 0

    def messages(self, rng: random.Random) -> list[SourceMessage]:
        """The readings in their order, with the malformed values at random positions among them."""
        messages = [_message(reading, self.second) for reading in self.readings]
        for value in self.malformed:
            asset = rng.choice(ASSETS)
            message = SourceMessage(partition_of(asset), asset.encode(), value, 0)
            messages.insert(rng.randint(0, len(messages)), message)
        return [message._replace(time_ms=self.second * 1000) for message in messages]


def partition_of(asset: str) -> int:
    return ASSETS.index(asset) % PARTITIONS


def normal_round(seed: int, second: int) -> ReadingRound:
    """A round without input faults; the plant itself has faults at regular intervals."""
    return ReadingRound(second, [_reading(seed, asset, second) for asset in ASSETS])


def _reading(seed: int, asset: str, second: int) -> SourceReading:
    number = ASSETS.index(asset)
    elapsed = second - START_S
    rng = np.random.default_rng((seed, number, second))
    slow, fast = np.sin(elapsed / 17 + number), np.cos(elapsed / 5 + number)
    values = np.array([slow + fast, slow - 0.5 * fast, 2 * fast, slow]) + 0.1 * rng.normal(size=4)
    if (elapsed + 41 * number) % _FAULT_EVERY >= _FAULT_EVERY - _FAULT_ROWS:
        values[SENSORS.index("level")] += 4.0
    return SourceReading(asset, second, dict(zip(SENSORS, values.round(4).tolist(), strict=True)))


def _message(reading: SourceReading, second: int) -> SourceMessage:
    body = json.dumps({"ts": reading.second, "asset": reading.asset, **reading.values}).encode()
    return SourceMessage(partition_of(reading.asset), reading.asset.encode(), body, second * 1000)
