"""The input is its seed's; strange input is as strange as it says."""

from __future__ import annotations

import random

import pytest

from tests.integration.plants import SENSORS
from tests.studies.chaos.rounds import START_S, Message, ordinary
from tests.studies.chaos.strange import EFFECTS, scene
from tfstream.core.messages.codec import Codec
from tfstream.core.reading import InvalidReading, Reading
from tfstream.core.stream import StreamDefinition

UNREADABLE = {"future time", "malformed", "giant", "deep", "tombstone", "all poison"}


def messages(kind: str | None, seed: int = 3) -> list[Message]:
    """One round, under an effect where one is named."""
    rng = random.Random(seed)
    made = ordinary(seed, START_S + 100)
    if kind is not None:
        EFFECTS[kind].apply(made, scene(rng))
    return made.messages(rng)


def decoded(found: list[Message]) -> list[Reading | None]:
    codec = Codec(StreamDefinition(topic="t", sensors=SENSORS, interval_us=1_000_000))
    readings: list[Reading | None] = []
    for message in found:
        try:
            readings.append(codec.decode(message.value, message.key, message.time_ms))
        except InvalidReading:
            readings.append(None)
    return readings


def test_the_same_seed_gives_the_same_readings() -> None:
    assert messages(None) == messages(None)
    assert messages(None) != messages(None, seed=4)
    assert None not in decoded(messages(None))


@pytest.mark.parametrize("kind", EFFECTS)
def test_an_effect_is_what_it_is_called(kind: str) -> None:
    struck = messages(kind)
    if not kind.startswith("clock "):  # it moves the rounds that come after
        assert struck != messages(None)
    assert struck == messages(kind)
    assert (None in decoded(struck)) == (kind in UNREADABLE)
    assert any(decoded(struck)) == (kind != "all poison")
