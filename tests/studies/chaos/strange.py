"""Strange input: what each kind does to a round of readings, and for how many rounds."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

from tests.integration.plants import SENSORS
from tests.studies.chaos.rounds import ASSETS, Round, Row

_MALFORMED = (
    b'{"ts": 1767657600, "asset"',
    b"\xff\xfe\x00\x01",
    b"",
    b'{"asset": "pump-1"}',
    b"[1, 2, 3]",
    b'{"ts": "yesterday", "asset": "pump-1", "flow": 1}',
    b'{"ts": 1767657600, "asset": "pump-1", "flow": "fast"}',
    b'{"ts": 1767657600, "asset": "\\u0000", "flow": 1.0}',
    b'{"ts": 1e300, "asset": "pump-1", "flow": 1.0}',
)
_GIANT = 1_000_000  # bytes: as much as a broker takes, unless told otherwise
_DEEP = 30_000


@dataclass(slots=True)
class Scene:
    """Who is struck by an effect, decided when it begins."""

    asset: str
    sensor: str
    rng: random.Random


class Effect(NamedTuple):
    rounds: int
    apply: Callable[[Round, Scene], None]


def scene(rng: random.Random) -> Scene:
    return Scene(rng.choice(ASSETS), rng.choice(SENSORS), rng)


def _own(found: Round, struck: Scene) -> Iterator[Row]:
    return (row for row in found.rows if row.asset == struck.asset)


def _shift(found: Round, struck: Scene, seconds: int) -> None:
    for row in _own(found, struck):
        row.second += seconds


def _future(found: Round, struck: Scene) -> None:
    """Further ahead than the stream allows: dead letters that move nothing."""
    _shift(found, struck, 7200)


def _ahead(found: Round, struck: Scene) -> None:
    """Ahead, within what is allowed: the asset's later readings are late for a while."""
    _shift(found, struck, 90)


def _backward(found: Round, struck: Scene) -> None:
    _shift(found, struck, -50)


def _duplicate(found: Round, struck: Scene) -> None:
    """The same moment three times, once with other values."""
    for row in list(_own(found, struck)):
        found.rows += [replace(row), replace(row, values={**row.values, struck.sensor: 0.5})]


def _clock(seconds: int) -> Callable[[Round, Scene], None]:
    def jump(found: Round, struck: Scene) -> None:
        found.jump = seconds

    return jump


def _malformed(found: Round, struck: Scene) -> None:
    found.junk += struck.rng.sample(_MALFORMED, 3)


def _giant(found: Round, struck: Scene) -> None:
    """Once no reading, once one with a field that nobody asked for."""
    found.junk.append(b"{" + b"x" * _GIANT)
    for row in _own(found, struck):
        row.values["note"] = "x" * _GIANT


def _deep(found: Round, struck: Scene) -> None:
    head = f'{{"ts": {found.second}, "asset": "{struck.asset}", "note": '.encode()
    found.junk += [b"[" * _DEEP, head + b"[" * _DEEP + b"]" * _DEEP + b"}"]


def _nan_only(found: Round, struck: Scene) -> None:
    for row in _own(found, struck):
        row.values = dict.fromkeys(row.values, float("nan"))


def _tombstone(found: Round, struck: Scene) -> None:
    found.junk += [None, None]


def _all_poison(found: Round, struck: Scene) -> None:
    found.junk += [struck.rng.choice(_MALFORMED) for _ in found.rows]
    found.rows = []


def _silent_asset(found: Round, struck: Scene) -> None:
    found.rows = [row for row in found.rows if row.asset != struck.asset]


def _silent_sensor(found: Round, struck: Scene) -> None:
    for row in _own(found, struck):
        row.values[struck.sensor] = None


EFFECTS = {
    "future time": Effect(3, _future),
    "time ahead": Effect(1, _ahead),
    "backward time": Effect(15, _backward),
    "duplicate time": Effect(20, _duplicate),
    "clock forward": Effect(1, _clock(300)),
    "clock back": Effect(1, _clock(-40)),
    "malformed": Effect(3, _malformed),
    "giant": Effect(1, _giant),
    "deep": Effect(1, _deep),
    "NaN only": Effect(12, _nan_only),
    "tombstone": Effect(2, _tombstone),
    "all poison": Effect(20, _all_poison),
    "silent asset": Effect(90, _silent_asset),
    "silent sensor": Effect(30, _silent_sensor),
}
