"""Arroyo: decode JSON, a mean over 8 rows of every asset, written to a topic. Run by ``peers.py``.

It runs in an environment of its own, which has neither tfstream nor its tests.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import orjson
from arroyo.backends.kafka import KafkaConsumer, KafkaPayload, KafkaProducer
from arroyo.backends.kafka.configuration import (
    build_kafka_configuration,
    build_kafka_consumer_configuration,
)
from arroyo.commit import CommitPolicy
from arroyo.processing import StreamProcessor
from arroyo.processing.strategies import CommitOffsets, Produce, RunTask
from arroyo.processing.strategies.abstract import ProcessingStrategy, ProcessingStrategyFactory
from arroyo.types import FILTERED_PAYLOAD, Commit, FilteredPayload, Message, Partition, Topic

_HOP = 8


class HopMean:
    """Means of the newest rows, and the time that the rows take."""

    def __init__(self, rows: int, warm: int) -> None:
        self.done = 0
        self._rows, self._warm = rows, warm
        self._held: dict[str, list[list[float]]] = {}
        self._began = (0.0, 0.0)
        self.timing: dict[str, float] = {}

    def __call__(self, message: Message[KafkaPayload]) -> KafkaPayload | FilteredPayload:
        """A mean of each sensor after every eighth row of an asset."""
        self._tick()
        row = orjson.loads(message.payload.value)
        row.pop("ts")
        asset = row.pop("asset")
        held = self._held.setdefault(asset, [])
        held.append(list(row.values()))
        if len(held) < _HOP:
            return FILTERED_PAYLOAD
        means = np.array(held).mean(axis=0).tolist()
        held.clear()
        return KafkaPayload(message.payload.key, orjson.dumps({"asset": asset, "means": means}), [])

    def _tick(self) -> None:
        self.done += 1
        if self.done == self._warm:
            self._began = (time.perf_counter(), time.process_time())
        if self.done == self._rows:
            self.timing = {
                "rows": self._rows - self._warm,
                "seconds": time.perf_counter() - self._began[0],
                "cpu_seconds": time.process_time() - self._began[1],
            }


class HopMeanFactory(ProcessingStrategyFactory[KafkaPayload]):
    """Mean, produce, commit."""

    def __init__(self, hop_mean: HopMean, producer: KafkaProducer, topic: Topic) -> None:
        self._mean, self._producer, self._topic = hop_mean, producer, topic

    def create_with_partitions(
        self, commit: Commit, partitions: Mapping[Partition, int]
    ) -> ProcessingStrategy[KafkaPayload]:
        """The steps, last one first."""
        produce: Any = Produce(self._producer, self._topic, CommitOffsets(commit))
        return RunTask(self._mean, produce)


def main() -> None:
    """Its own consumer and processor, with a commit every second."""
    asked = json.loads(sys.argv[1])
    base = {"bootstrap.servers": asked["bootstrap"]}
    consumer = KafkaConsumer(
        build_kafka_consumer_configuration(
            base, group_id=asked["group"], auto_offset_reset="earliest", strict_offset_reset=False
        )
    )
    hop_mean = HopMean(asked["rows"], asked["warm"])
    producer = KafkaProducer(build_kafka_configuration(base))
    factory = HopMeanFactory(hop_mean, producer, Topic(f"{asked['topic']}.arroyo"))
    processor = StreamProcessor(consumer, Topic(asked["topic"]), factory, CommitPolicy(1.0, None))
    while not hop_mean.timing:
        processor._run_once()
    print(json.dumps(hop_mean.timing), flush=True)
    processor._shutdown()


if __name__ == "__main__":
    main()
