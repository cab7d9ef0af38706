"""Input faults: readings with wrong times or values, messages that are no readings, and silence."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

from tests.integration.support.plants import SENSORS
from tests.studies.chaos.reading_rounds import ASSETS, ReadingRound, SourceReading

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
_GIANT = 1_000_000  # bytes: about the largest message that a broker accepts by default
_DEEP = 30_000


@dataclass(slots=True)
class InputTarget:
    """The asset and sensor that a fault changes, chosen when it begins."""

    asset: str
    sensor: str
    rng: random.Random


class InputFault(NamedTuple):
    """A change of so many successive rounds."""

    rounds: int
    apply: Callable[[ReadingRound, InputTarget], None]


def choose_target(rng: random.Random) -> InputTarget:
    return InputTarget(rng.choice(ASSETS), rng.choice(SENSORS), rng)


def _readings_of(round_: ReadingRound, target: InputTarget) -> Iterator[SourceReading]:
    return (reading for reading in round_.readings if reading.asset == target.asset)


def _shift(round_: ReadingRound, target: InputTarget, seconds: int) -> None:
    for reading in _readings_of(round_, target):
        reading.second += seconds


def _future(round_: ReadingRound, target: InputTarget) -> None:
    """Further ahead than the stream allows: dead letters that do not move the watermark."""
    _shift(round_, target, 7200)


def _ahead(round_: ReadingRound, target: InputTarget) -> None:
    """Ahead within the limit: the asset's later readings are late for a while."""
    _shift(round_, target, 90)


def _backward(round_: ReadingRound, target: InputTarget) -> None:
    _shift(round_, target, -50)


def _duplicate(round_: ReadingRound, target: InputTarget) -> None:
    """The same time three times, once with other values."""
    for reading in list(_readings_of(round_, target)):
        changed = replace(reading, values={**reading.values, target.sensor: 0.5})
        round_.readings += [replace(reading), changed]


def _move_clock(seconds: int) -> Callable[[ReadingRound, InputTarget], None]:
    def jump(round_: ReadingRound, target: InputTarget) -> None:
        round_.jump = seconds

    return jump


def _malformed(round_: ReadingRound, target: InputTarget) -> None:
    round_.malformed += target.rng.sample(_MALFORMED, 3)


def _giant(round_: ReadingRound, target: InputTarget) -> None:
    """A giant value that is no reading, and a reading with a giant field that is no sensor."""
    round_.malformed.append(b"{" + b"x" * _GIANT)
    for reading in _readings_of(round_, target):
        reading.values["note"] = "x" * _GIANT


def _deep(round_: ReadingRound, target: InputTarget) -> None:
    head = f'{{"ts": {round_.second}, "asset": "{target.asset}", "note": '.encode()
    round_.malformed += [b"[" * _DEEP, head + b"[" * _DEEP + b"]" * _DEEP + b"}"]


def _nan_only(round_: ReadingRound, target: InputTarget) -> None:
    for reading in _readings_of(round_, target):
        reading.values = dict.fromkeys(reading.values, float("nan"))


def _tombstone(round_: ReadingRound, target: InputTarget) -> None:
    round_.malformed += [None, None]


def _all_poison(round_: ReadingRound, target: InputTarget) -> None:
    round_.malformed += [target.rng.choice(_MALFORMED) for _ in round_.readings]
    round_.readings = []


def _silent_asset(round_: ReadingRound, target: InputTarget) -> None:
    round_.readings = [reading for reading in round_.readings if reading.asset != target.asset]


def _silent_sensor(round_: ReadingRound, target: InputTarget) -> None:
    for reading in _readings_of(round_, target):
        reading.values[target.sensor] = None


INPUT_FAULTS = {
    "future time": InputFault(3, _future),
    "time ahead": InputFault(1, _ahead),
    "backward time": InputFault(15, _backward),
    "duplicate time": InputFault(20, _duplicate),
    "clock forward": InputFault(1, _move_clock(300)),
    "clock back": InputFault(1, _move_clock(-40)),
    "malformed": InputFault(3, _malformed),
    "giant": InputFault(1, _giant),
    "deep": InputFault(1, _deep),
    "NaN only": InputFault(12, _nan_only),
    "tombstone": InputFault(2, _tombstone),
    "all poison": InputFault(20, _all_poison),
    "silent asset": InputFault(90, _silent_asset),
    "silent sensor": InputFault(30, _silent_sensor),
}
