"""Each alarm has a plain sentence of what was seen."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tfstream.app.detection.alarm_sentence import AlarmSentences
from tfstream.core.alarms.episode import Episode, Observation, start_episode
from tfstream.core.alarms.judgement import Judgement
from tfstream.core.alarms.silence_events import open_silence, silent_sensors
from tfstream.core.messages.anomaly_event import BandShift, SensorShare, from_iso
from tfstream.core.messages.witness import Witness

TUESDAY_US = from_iso("2026-01-06T02:00:00Z")  # 03:00 in Berlin
SENTENCES = AlarmSentences(time_zone="Europe/Berlin", counters=("energy",))
SCALE_S = 1920.0


def share(name: str = "flow", **changed: Any) -> SensorShare:
    sensor = SensorShare(name=name, share=1.0, actual=12.4, expected=9.1)
    return msgspec.structs.replace(sensor, **changed)


def episode(witness: Witness, *sensors: SensorShare, **changed: Any) -> Episode:
    """An episode that a witness has just begun."""
    judgement = Judgement(
        value=9.0, threshold=5.0, hold=3.0, expected_per_week=0.25, witness=witness, scale_s=SCALE_S
    )
    if witness is Witness.SCORE:
        judgement = judgement._replace(scale_s=None)
    hop = Observation(
        start_us=TUESDAY_US - 8,
        end_us=TUESDAY_US,
        judgement=judgement,
        scale_us=8,
        first_offset=1,
        last_offset=8,
    )
    _, (opened,) = start_episode(None, hop, sensors, 0)
    return msgspec.structs.replace(opened.episode, **changed)


@pytest.mark.parametrize(
    ("witness", "sentence"),
    [
        (Witness.ERRORS, "flow does not follow from the rows before: 12.4 instead of 9.1 (over 32 min)"),
        (Witness.LEVELS, "flow stands at 12.4; the other sensors say 9.1 (over 32 min)"),
        (
            Witness.SEASON,
            "flow stands at 12.4, unusual for a Tuesday at 03:00: expected 9.1 (over 32 min)",
        ),
        (Witness.SCORE, "flow shows 12.4; expected 9.1"),
    ],
)
def test_each_witness_has_words_of_its_own(witness: Witness, sentence: str) -> None:
    assert SENTENCES.of_episode(episode(witness, share())) == sentence


def test_the_score_names_the_level_or_the_swings_that_changed() -> None:
    level = BandShift(shortest_s=32.0, longest_s=None, actual=31.7509, expected=32.0242)
    swings = BandShift(shortest_s=2.0, longest_s=4.57143, actual=0.8833, expected=0.306)
    seen = [
        SENTENCES.of_episode(episode(Witness.SCORE, share(name, band=band)))
        for name, band in (("flow", level), ("flow", swings), ("energy", level))
    ]
    assert seen == [
        "flow stands at 31.75; expected 32.02",
        "flow swings by 0.8833 in periods of 2 s to 4.57 s; expected 0.306",
        "energy (a counter) rises by 31.75 a row; expected 32.02",
    ]


def test_values_of_another_witness_are_not_called_those_of_the_peak() -> None:
    """The values of a sensor are those of the hop with most evidence, whose witness is not stored."""
    mixed = episode(Witness.LEVELS, share(), witnesses=(Witness.ERRORS, Witness.LEVELS))
    assert SENTENCES.of_episode(mixed) == "flow shows 12.4; expected 9.1"
    beside_the_score = episode(Witness.LEVELS, share(), witnesses=(Witness.SCORE, Witness.LEVELS))
    assert "the other sensors say 9.1" in SENTENCES.of_episode(beside_the_score)
    band = BandShift(shortest_s=32.0, longest_s=None, actual=5.0, expected=4.0)
    of_the_score = episode(Witness.LEVELS, share(band=band), witnesses=(Witness.SCORE, Witness.LEVELS))
    assert SENTENCES.of_episode(of_the_score) == "flow stands at 5; expected 4"


def test_other_sensors_with_a_large_share_are_named() -> None:
    valve, level = share("valve", share=0.4), share("level", share=0.1)
    seen = SENTENCES.of_episode(episode(Witness.LEVELS, share(share=0.5), valve, level))
    assert seen.endswith("(over 32 min); also: valve")


def test_unknown_values_and_no_sensors_have_sentences_too() -> None:
    unknown = episode(Witness.LEVELS, share(expected=None))
    assert SENTENCES.of_episode(unknown) == "flow departs most from what is normal"
    assert SENTENCES.of_episode(episode(Witness.LEVELS)) == "no single sensor stands out"


def test_the_words_of_an_instrument_check_stay() -> None:
    words = "flow: stuck at 2.725 for 20 min, longest before 3 min"
    assert SENTENCES.of_episode(episode(Witness.INSTRUMENT, share(), reason=words)) == words


def test_a_silence_names_what_was_not_sent() -> None:
    assert SENTENCES.of_episode(open_silence(0, 5, ()).episode) == "the asset sent no readings"
    some = open_silence(0, 5, silent_sensors(("flow", "level"))).episode
    assert SENTENCES.of_episode(some) == "no values of flow, level"


def test_a_sentence_says_that_the_model_has_not_learnt_the_asset() -> None:
    sentences = AlarmSentences(learnt=["a"])
    seen = episode(Witness.LEVELS, share())
    assert "has not learnt" not in sentences.of_episode(seen, "a")
    assert sentences.of_episode(seen, "b").endswith(
        "; the model has not learnt this asset: it is compared with all other assets"
    )
    assert "has not learnt" not in sentences.of_episode(open_silence(0, 5, ()).episode, "b")
