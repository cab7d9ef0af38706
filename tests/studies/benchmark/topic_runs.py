"""What reads a topic to its end and is timed: fetch and decode alone, and the scorer."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

from confluent_kafka import TopicPartition

from tests.studies.benchmark.load_generator import definition, forget_state
from tests.studies.benchmark.row_timer import RowTimer
from tfstream.core.messages.codec import Codec
from tfstream.streaming.client import new_consumer

_BATCH = 2000
_MOST_S = 120.0


def fetch_and_decode(bootstrap: str, topic: str, rows: int, warm: int) -> dict[str, Any]:
    """The ceiling: our consumer and our codec, and nothing done with what they give."""
    consumer = new_consumer({"bootstrap.servers": bootstrap}, f"ceiling.{uuid4()}")
    consumer.assign([TopicPartition(topic, 0, 0)])
    codec, timer, done = Codec(definition(topic)), RowTimer(warm), 0
    give_up_at = time.monotonic() + _MOST_S
    while done < rows:
        if time.monotonic() > give_up_at:
            raise AssertionError(f"the topic gave {done} of {rows} rows in {_MOST_S:.0f} s")
        for message in consumer.consume(_BATCH, timeout=0.05):
            if message.error() is None:
                codec.decode(message.value(), message.key(), message.timestamp()[1])
                done += 1
        timer.record(done)
    found = timer.result(done)
    consumer.close()
    return found


def score(
    bootstrap: str,
    topic: str,
    rows: int,
    warm: int,
    bundle: Path,
    look: Callable[[int], None] = lambda done: None,
) -> dict[str, Any]:
    """The scorer as ``tfstream score --no-sink --until-end`` runs it; ``look`` is told how far it is."""
    from tfstream.app.scoring.score_batch import Champion
    from tfstream.app.scoring.scorer import Scorer, ScorerOptions
    from tfstream.model.bundle import load
    from tfstream.streaming.topics import ensure_output_topics

    properties = {"bootstrap.servers": bootstrap}
    forget_state(bootstrap, topic)
    ensure_output_topics(properties, topic)
    options = ScorerOptions(
        group=f"score.{uuid4()}",
        transactional_id=f"score.{uuid4()}",
        until_end=True,
    )
    champion = Champion(load(bundle.read_bytes()), 1, "0" * 64)
    scorer = Scorer(properties, definition(topic), champion, options, lambda version: None)
    timer = RowTimer(warm)

    def record() -> bool:
        timer.record(scorer.progress.records)
        look(scorer.progress.records)
        return False

    scorer.run(record)
    if scorer.progress.records != rows:
        raise AssertionError(f"the scorer read {scorer.progress.records} of {rows} rows")
    return {**timer.result(rows), "windows": scorer.progress.windows, "commits": scorer.progress.commits}
