"""Arroyo: decode JSON, a mean over 8 rows of every asset, written to a topic. Run by ``peers.py``.

It runs in a separate environment, which has neither tfstream nor its dependencies.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any

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

from tests.studies.benchmark.peer_hop_mean import HopMean


class HopMeanFactory(ProcessingStrategyFactory[KafkaPayload]):
    """Mean, produce, commit."""

    def __init__(self, hop_mean: HopMean, producer: KafkaProducer, topic: Topic) -> None:
        self._hop_mean, self._producer, self._topic = hop_mean, producer, topic

    def create_with_partitions(
        self, commit: Commit, partitions: Mapping[Partition, int]
    ) -> ProcessingStrategy[KafkaPayload]:
        """The steps, the last step first."""
        produce: Any = Produce(self._producer, self._topic, CommitOffsets(commit))
        return RunTask(self._process, produce)

    def _process(self, message: Message[KafkaPayload]) -> KafkaPayload | FilteredPayload:
        means = self._hop_mean.add(orjson.loads(message.payload.value))
        if means is None:
            return FILTERED_PAYLOAD
        return KafkaPayload(message.payload.key, orjson.dumps(means), [])


def main() -> None:
    """Arroyo's own consumer and processor, with a commit every second."""
    arguments = json.loads(sys.argv[1])
    base = {"bootstrap.servers": arguments["bootstrap"]}
    consumer = KafkaConsumer(
        build_kafka_consumer_configuration(
            base, group_id=arguments["group"], auto_offset_reset="earliest", strict_offset_reset=False
        )
    )
    hop_mean = HopMean(arguments["rows"], arguments["warm"])
    producer = KafkaProducer(build_kafka_configuration(base))
    factory = HopMeanFactory(hop_mean, producer, Topic(f"{arguments['topic']}.arroyo"))
    processor = StreamProcessor(consumer, Topic(arguments["topic"]), factory, CommitPolicy(1.0, None))
    while not hop_mean.timing:
        processor._run_once()
    print(json.dumps(hop_mean.timing), flush=True)
    processor._shutdown()


if __name__ == "__main__":
    main()
