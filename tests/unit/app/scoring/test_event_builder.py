"""The records of scores and episodes name the witness."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import msgspec
import numpy as np

from tfstream.app.detection.champion import Champion
from tfstream.app.scoring.event_builder import EventBuilder
from tfstream.core.alarms.episode import Observation, start_episode
from tfstream.core.alarms.judgement import Judgement
from tfstream.core.alarms.silence_events import open_silence
from tfstream.core.instruments.counters import CounterTransform
from tfstream.core.messages.anomaly_event import AnomalyEvent, ScoreRecord, SensorShare
from tfstream.core.messages.witness import Witness
from tfstream.core.stream import StreamDefinition
from tfstream.core.windowing.asset_track import Window

DEFINITION = StreamDefinition(topic="t", sensors=("a",), interval_us=1_000_000)
DETECTOR = cast(
    Any,
    SimpleNamespace(
        counters=CounterTransform(()),
        calibration=SimpleNamespace(assets={}),
        scaler=SimpleNamespace(assets=("x",)),
    ),
)
BUILDER = EventBuilder(DEFINITION, Champion(DETECTOR, 3, "ab"))
STUCK = Judgement(
    value=9.0,
    threshold=5.0,
    hold=3.0,
    expected_per_week=0.25,
    witness=Witness.INSTRUMENT,
    scale_s=1200.0,
    reason="stuck at 2.725 for 20 min, longest before 3 min",
)


def test_an_event_says_which_witness_saw_what() -> None:
    hop = Observation(
        start_us=0, end_us=8_000_000, judgement=STUCK, scale_us=1_000_000, first_offset=1, last_offset=8
    )
    _, (opened,) = start_episode(None, hop, (), 0)
    event = msgspec.json.decode(BUILDER.event(0, "x", opened).value or b"", type=AnomalyEvent)
    assert (event.witness, event.witnesses) == (Witness.INSTRUMENT, (Witness.INSTRUMENT,))
    assert (event.scale_s, event.reason) == (STUCK.scale_s, STUCK.reason)
    assert (event.score, event.threshold, event.expected_per_week) == (9.0, 5.0, 0.25)


def test_an_event_without_words_of_its_witness_says_what_was_seen() -> None:
    levels = STUCK._replace(witness=Witness.LEVELS, scale_s=1920.0, reason=None)
    hop = Observation(
        start_us=0, end_us=8_000_000, judgement=levels, scale_us=1_000_000, first_offset=1, last_offset=8
    )
    sensors = (SensorShare(name="a", share=1.0, actual=12.4, expected=9.1, evidence=4.0),)
    _, (opened,) = start_episode(None, hop, sensors, 0)
    event = msgspec.json.decode(BUILDER.event(0, "x", opened).value or b"", type=AnomalyEvent)
    assert event.reason == "a stands at 12.4; the other sensors say 9.1 (over 32 min)"


def test_a_silence_has_no_witness() -> None:
    output = BUILDER.event(0, "x", open_silence(0, 5, ()))
    event = msgspec.json.decode(output.value or b"", type=AnomalyEvent)
    assert (event.witness, event.witnesses, event.scale_s) == (None, (), None)
    assert event.reason == "the asset sent no readings"


def test_a_score_says_whose_value_it_is_and_how_rare() -> None:
    window = Window(end_index=63, values=np.zeros((64, 1), dtype=np.float32), first_offset=1, last_offset=8)
    record = msgspec.json.decode(BUILDER.score("x", window, STUCK, ()).value or b"", type=ScoreRecord)
    assert (record.score, record.witness, record.expected_per_week) == (9.0, Witness.INSTRUMENT, 0.25)
