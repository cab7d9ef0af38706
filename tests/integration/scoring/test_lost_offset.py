"""A held partition whose offset no longer exists: librdkafka reports no error, and reading must go on."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition

from tests.conftest import Broker
from tests.integration.support.commands import wait_until
from tfstream.streaming.consumer.source import Source
from tfstream.streaming.records import Record
from tfstream.streaming.topics import ensure_topic

pytestmark = [pytest.mark.kafka, pytest.mark.slow]


class PartitionOwner:
    """Records its assigned partitions."""

    def __init__(self) -> None:
        self.assigned_partitions: set[int] = set()

    def assigned(self, partitions: Sequence[int]) -> None:
        self.assigned_partitions.update(partitions)

    def revoked(self, partitions: Sequence[int]) -> None:
        self.assigned_partitions.difference_update(partitions)


def fetching_stopped(consumer: Consumer, topic: str) -> bool:
    """Whether the fetcher has stopped at the lost offset; its error waits in the queue."""
    try:
        consumer.seek(TopicPartition(topic, 0, 0))
    except KafkaException:
        return True
    consumer.seek(TopicPartition(topic, 0, 10))
    return False


def read_more(source: Source, records: list[Record]) -> list[Record]:
    """Poll once; adds to ``records`` and returns it."""
    records.extend(source.poll(max_records=10, timeout_s=0.1))
    return records


def test_reading_resumes_after_an_offset_is_lost_during_a_failed_commit(kafka: Broker, topic: str) -> None:
    """The fetcher stops, and its error is dropped with the fetched records."""
    ensure_topic(kafka.properties, topic, 1)
    producer = Producer(kafka.properties)
    for number in range(5):
        producer.produce(topic, b"%d" % number)
    assert producer.flush(20.0) == 0
    owner, records = PartitionOwner(), list[Record]()
    with Source(kafka.properties, topic, f"lost.{topic}", owner) as source:
        wait_until(
            lambda: source.poll(max_records=10, timeout_s=0.1) == [] and owner.assigned_partitions == {0},
            "the partition is assigned",
        )
        source.read_from({0: 10})
        wait_until(
            lambda: fetching_stopped(source._consumer, topic), "the fetcher has stopped at the lost offset"
        )
        source.hold([0])
        assert source.poll(max_records=10, timeout_s=0.1) == []
        source.read_from({0: 0})
        wait_until(lambda: len(read_more(source, records)) >= 5, "the records are read")
    assert [record.value for record in records] == [b"0", b"1", b"2", b"3", b"4"]
