"""The plant's readings, one round of all assets a second of event time; a seed decides every value."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from tests.integration.plants import SENSORS

PARTITIONS = 6
ASSETS = tuple(f"pump-{number}" for number in range(9))
START_S = 1_767_657_600  # 2026-01-06 00:00 UTC; the model has learnt the day before
_FAULT_EVERY, _FAULT_ROWS = 150, 24


class Message(NamedTuple):
    partition: int
    key: bytes
    value: bytes | None
    time_ms: int


@dataclass(slots=True)
class Row:
    """One reading before it is written down; ``values`` by sensor, None for a null."""

    asset: str
    second: int
    values: dict[str, float | str | None]


@dataclass(slots=True)
class Round:
    """What all assets say in one second, and bytes that are no reading."""

    second: int
    rows: list[Row]
    junk: list[bytes | None] = field(default_factory=list)
    jump: int = 0  # seconds by which the plant's clock moves after this round

    def messages(self, rng: random.Random) -> list[Message]:
        """In the order of the rows, the junk strewn among them."""
        made = [_message(row, self.second) for row in self.rows]
        for value in self.junk:
            asset = rng.choice(ASSETS)
            made.insert(rng.randint(0, len(made)), Message(partition_of(asset), asset.encode(), value, 0))
        return [message._replace(time_ms=self.second * 1000) for message in made]


def partition_of(asset: str) -> int:
    return ASSETS.index(asset) % PARTITIONS


def ordinary(seed: int, second: int) -> Round:
    """A round without anything strange but the plant's own faults."""
    return Round(second, [_row(seed, asset, second) for asset in ASSETS])


def _row(seed: int, asset: str, second: int) -> Row:
    number = ASSETS.index(asset)
    elapsed = second - START_S
    rng = np.random.default_rng((seed, number, second))
    slow, fast = np.sin(elapsed / 17 + number), np.cos(elapsed / 5 + number)
    values = np.array([slow + fast, slow - 0.5 * fast, 2 * fast, slow]) + 0.1 * rng.normal(size=4)
    if (elapsed + 41 * number) % _FAULT_EVERY >= _FAULT_EVERY - _FAULT_ROWS:
        values[SENSORS.index("level")] += 4.0
    return Row(asset, second, dict(zip(SENSORS, values.round(4).tolist(), strict=True)))


def _message(row: Row, second: int) -> Message:
    body = {"ts": row.second, "asset": row.asset, **row.values}
    return Message(partition_of(row.asset), row.asset.encode(), json.dumps(body).encode(), second * 1000)
