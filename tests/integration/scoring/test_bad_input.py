"""All kinds of bad input in one topic: each has its documented effect, and none stops the scorer."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from confluent_kafka import Producer

from tests.conftest import Broker
from tests.integration.support.in_process_scorer import score
from tests.integration.support.plants import SENSORS, Plant
from tests.integration.support.topic_reader import read_committed
from tfstream.core.messages.codec import MAX_BYTES

pytestmark = [pytest.mark.postgres, pytest.mark.kafka, pytest.mark.slow]

START = 1_767_657_600  # 2026-01-06, as the good readings of the topic
ROWS = 300
HOPS = 1 + (ROWS - 64) // 8


def message(asset: str, second: int, **fields: Any) -> bytes:
    slow, fast = float(np.sin(second / 17)), float(np.cos(second / 5))
    values = dict(zip(SENSORS, (slow + fast, slow - 0.5 * fast, 2 * fast, slow), strict=True))
    return json.dumps({"ts": START + second, "asset": asset, **values, **fields}).encode()


def unreadable() -> dict[str, bytes | None]:
    """A message for each dead letter reason, by a part of the reason's text."""
    deep = message("bad", 1)[:-1] + b', "note": ' + b"[" * 5000 + b"]" * 5000 + b"}"
    return {
        "the message is empty": None,
        "unreadable json: Input data was truncated": b'{"ts": 17',
        f"at most {MAX_BYTES} are read": message("bad", 1, note="." * 2 * MAX_BYTES),
        "nested deeper than a thousand levels": deep,
        "further ahead of the record's own time": message("bad", 1, ts="2099-01-01T00:00:00Z"),
    }


def bad_input() -> Iterator[tuple[str, bytes | None]]:
    """Key and value of each message, in the order of sending."""
    for second in range(ROWS):
        yield "twice", message("twice", second)
        yield "twice", message("twice", second)
        yield "back", message("back", second)
        yield "nothing", message("nothing", second, **dict.fromkeys(SENSORS, float("nan")))
    for second in range(100):  # timestamps go back: these rows are closed
        yield "back", message("back", second, level=1e6)
    for value in unreadable().values():
        yield "bad", value
    yield "back", message("back", ROWS)


@pytest.fixture
def spoilt_topic(kafka: Broker, trained_topic: str) -> str:
    """The topic with its good readings, and the bad input after them."""
    producer = Producer(
        {**kafka.properties, "message.max.bytes": 5 * MAX_BYTES, "compression.type": "lz4", "linger.ms": 20}
    )
    for key, value in bad_input():
        producer.produce(trained_topic, value, key)
    assert producer.flush(30.0) == 0
    return trained_topic


def test_bad_input_has_its_documented_effect_and_does_not_stop_the_scorer(
    kafka: Broker, plant: Plant, spoilt_topic: str
) -> None:
    progress = score(plant.tfstream, spoilt_topic)
    dead_letters = read_committed(kafka.bootstrap, f"{spoilt_topic}.dead-letters")
    reasons = sorted(dict(letter.headers)["tfstream.reason"] or b"" for letter in dead_letters)
    assert progress.dead_letters == len(dead_letters) == len(unreadable())
    for reason in unreadable():
        assert sum(reason.encode() in written for written in reasons) == 1, (reason, reasons)
    scores = [message.body for message in read_committed(kafka.bootstrap, f"{spoilt_topic}.scores")]
    hops = Counter(score["asset"] for score in scores)
    assert hops == {"faulty": 1 + (700 - 64) // 8, "twice": HOPS, "back": HOPS}
    by_asset = {
        name: [(score["ts"], score["score"]) for score in scores if score["asset"] == name]
        for name in ("twice", "back")
    }
    assert by_asset["twice"] == by_asset["back"]  # neither a repetition nor a late value changes a score
