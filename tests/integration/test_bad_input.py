"""All that a sensor topic should not hold, in one topic: each has its stated end, and stops nothing."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from confluent_kafka import Producer

from tests.conftest import Broker
from tests.integration.in_process_scorer import score
from tests.integration.plants import SENSORS, Plant
from tests.integration.topic_reader import read_committed
from tfstream.core.messages.codec import MAX_BYTES

pytestmark = [pytest.mark.postgres, pytest.mark.kafka, pytest.mark.slow]

START = 1_767_657_600  # 2026-01-06, as the topic's good readings
ROWS = 300
HOPS = 1 + (ROWS - 64) // 8


def message(asset: str, second: int, **changed: Any) -> bytes:
    slow, fast = float(np.sin(second / 17)), float(np.cos(second / 5))
    values = dict(zip(SENSORS, (slow + fast, slow - 0.5 * fast, 2 * fast, slow), strict=True))
    return json.dumps({"ts": START + second, "asset": asset, **values, **changed}).encode()


def unreadable() -> dict[str, bytes | None]:
    """A message for each reason to divert one."""
    deep = message("bad", 1)[:-1] + b', "note": ' + b"[" * 5000 + b"]" * 5000 + b"}"
    return {
        "the message is empty": None,
        "unreadable json: Input data was truncated": b'{"ts": 17',
        f"at most {MAX_BYTES} are read": message("bad", 1, note="." * 2 * MAX_BYTES),
        "nested deeper than a thousand levels": deep,
        "further ahead of the record's own time": message("bad", 1, ts="2099-01-01T00:00:00Z"),
    }


def sendings() -> Iterator[tuple[str, bytes | None]]:
    for second in range(ROWS):
        yield "twice", message("twice", second)
        yield "twice", message("twice", second)
        yield "back", message("back", second)
        yield "nothing", message("nothing", second, **dict.fromkeys(SENSORS, float("nan")))
    for second in range(100):  # time goes backward: these rows are closed
        yield "back", message("back", second, level=1e6)
    for value in unreadable().values():
        yield "bad", value
    yield "back", message("back", ROWS)


@pytest.fixture
def spoilt(kafka: Broker, trained_topic: str) -> str:
    """The topic with its good readings, and then all that is not good."""
    producer = Producer(
        {**kafka.properties, "message.max.bytes": 5 * MAX_BYTES, "compression.type": "lz4", "linger.ms": 20}
    )
    for key, value in sendings():
        producer.produce(trained_topic, value, key)
    assert producer.flush(30.0) == 0
    return trained_topic


def test_bad_input_has_its_stated_end_and_stops_nothing(kafka: Broker, plant: Plant, spoilt: str) -> None:
    progress = score(plant.tfstream, spoilt)
    letters = read_committed(kafka.bootstrap, f"{spoilt}.dead-letters")
    told = sorted(dict(letter.headers)["tfstream.reason"] or b"" for letter in letters)
    assert progress.dead_letters == len(letters) == len(unreadable())
    for reason in unreadable():
        assert sum(reason.encode() in one for one in told) == 1, (reason, told)
    scores = [one.body for one in read_committed(kafka.bootstrap, f"{spoilt}.scores")]
    hops = Counter(one["asset"] for one in scores)
    assert hops == {"faulty": 1 + (700 - 64) // 8, "twice": HOPS, "back": HOPS}
    by_asset = {
        name: [(one["ts"], one["score"]) for one in scores if one["asset"] == name]
        for name in ("twice", "back")
    }
    assert by_asset["twice"] == by_asset["back"]  # neither a repetition nor a late value changes a score
