"""The seed decides the input, and every input fault has the effect that its name says."""

from __future__ import annotations

import random

import pytest

from tests.integration.support.plants import SENSORS
from tests.studies.chaos.input_faults import INPUT_FAULTS, choose_target
from tests.studies.chaos.reading_rounds import START_S, SourceMessage, normal_round
from tfstream.core.messages.codec import Codec
from tfstream.core.reading import InvalidReading, Reading
from tfstream.core.stream import StreamDefinition

UNREADABLE = {"future time", "malformed", "giant", "deep", "tombstone", "all poison"}


def messages(kind: str | None, seed: int = 3) -> list[SourceMessage]:
    """One round, changed by an input fault if a kind is given."""
    rng = random.Random(seed)
    readings = normal_round(seed, START_S + 100)
    if kind is not None:
        INPUT_FAULTS[kind].apply(readings, choose_target(rng))
    return readings.messages(rng)


def decoded(encoded: list[SourceMessage]) -> list[Reading | None]:
    codec = Codec(StreamDefinition(topic="t", sensors=SENSORS, interval_us=1_000_000))
    readings: list[Reading | None] = []
    for message in encoded:
        try:
            readings.append(codec.decode(message.value, message.key, message.time_ms))
        except InvalidReading:
            readings.append(None)
    return readings


def test_the_same_seed_gives_the_same_readings() -> None:
    assert messages(None) == messages(None)
    assert messages(None) != messages(None, seed=4)
    assert None not in decoded(messages(None))


@pytest.mark.parametrize("kind", INPUT_FAULTS)
def test_an_input_fault_has_the_effect_of_its_name(kind: str) -> None:
    faulty = messages(kind)
    if not kind.startswith("clock "):  # these move the time of the rounds that come after
        assert faulty != messages(None)
    assert faulty == messages(kind)
    assert (None in decoded(faulty)) == (kind in UNREADABLE)
    assert any(decoded(faulty)) == (kind != "all poison")
