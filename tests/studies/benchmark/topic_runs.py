"""Timed runs over a whole topic: fetch and decode alone, and the scorer."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

from confluent_kafka import TopicPartition

from tests.studies.benchmark.load_generator import definition
from tests.studies.benchmark.row_timer import RowTimer
from tests.studies.benchmark.topic_setup import delete_state
from tfstream.core.messages.codec import Codec
from tfstream.streaming.connection.client import new_consumer

_BATCH = 2000
_TIMEOUT_S = 120.0


def fetch_and_decode(bootstrap: str, topic: str, rows: int, warm: int) -> dict[str, Any]:
    """The upper limit: tfstream's consumer and codec, whose readings are discarded."""
    consumer = new_consumer({"bootstrap.servers": bootstrap}, f"ceiling.{uuid4()}")
    consumer.assign([TopicPartition(topic, 0, 0)])
    codec, timer, done = Codec(definition(topic)), RowTimer(warm), 0
    deadline = time.monotonic() + _TIMEOUT_S
    while done < rows:
        if time.monotonic() > deadline:
            raise AssertionError(f"the topic gave {done} of {rows} rows in {_TIMEOUT_S:.0f} s")
        for message in consumer.consume(_BATCH, timeout=0.05):
            if message.error() is None:
                codec.decode(message.value(), message.key(), message.timestamp()[1])
                done += 1
        timer.record(done)
    timing = timer.result(done)
    consumer.close()
    return timing


def score(
    bootstrap: str,
    topic: str,
    rows: int,
    warm: int,
    bundle: Path,
    on_progress: Callable[[int], None] = lambda done: None,
) -> dict[str, Any]:
    """The scorer as in ``tfstream score --no-sink --until-end``; ``on_progress`` receives the rows done."""
    from tfstream.app.detection.champion import Champion
    from tfstream.app.scoring.scorer import Scorer
    from tfstream.app.scoring.scorer_options import ScorerOptions
    from tfstream.model.bundle import load
    from tfstream.streaming.topics import ensure_output_topics

    properties = {"bootstrap.servers": bootstrap}
    delete_state(bootstrap, topic)
    ensure_output_topics(properties, topic)
    options = ScorerOptions(
        group=f"score.{uuid4()}",
        transactional_id=f"score.{uuid4()}",
        until_end=True,
    )
    champion = Champion(load(bundle.read_bytes()), 1, "0" * 64)
    scorer = Scorer(properties, definition(topic), champion, options, lambda version: None)
    timer = RowTimer(warm)

    def record_progress() -> bool:
        timer.record(scorer.progress.records)
        on_progress(scorer.progress.records)
        return False

    scorer.run(record_progress)
    if scorer.progress.records != rows:
        raise AssertionError(f"the scorer read {scorer.progress.records} of {rows} rows")
    return {**timer.result(rows), "windows": scorer.progress.windows, "commits": scorer.progress.commits}
