"""A held partition whose place is gone: nobody is told, and reading must go on all the same."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition

from tests.conftest import Broker
from tests.integration.commands import wait_until
from tfstream.streaming.records import Record
from tfstream.streaming.source import Source
from tfstream.streaming.topics import ensure_topic

pytestmark = [pytest.mark.kafka, pytest.mark.slow]


class Owner:
    """Remembers what it has."""

    def __init__(self) -> None:
        self.has: set[int] = set()

    def assigned(self, partitions: Sequence[int]) -> None:
        self.has.update(partitions)

    def revoked(self, partitions: Sequence[int]) -> None:
        self.has.difference_update(partitions)


def fetching_stopped(consumer: Consumer, topic: str) -> bool:
    """Whether the fetcher has met the lost place; its word of it waits to be polled."""
    try:
        consumer.seek(TopicPartition(topic, 0, 0))
    except KafkaException:
        return True
    consumer.seek(TopicPartition(topic, 0, 10))
    return False


def read_on(source: Source, records: list[Record]) -> list[Record]:
    records.extend(source.poll(max_records=10, timeout_s=0.1))
    return records


def test_a_place_that_is_lost_while_a_commit_fails_is_found_again(kafka: Broker, topic: str) -> None:
    """The fetcher stops, and what it says of it is dropped with all else that was fetched."""
    ensure_topic(kafka.properties, topic, 1)
    producer = Producer(kafka.properties)
    for number in range(5):
        producer.produce(topic, b"%d" % number)
    assert producer.flush(20.0) == 0
    owner, records = Owner(), list[Record]()
    with Source(kafka.properties, topic, f"lost.{topic}", owner) as source:
        wait_until(
            lambda: source.poll(max_records=10, timeout_s=0.1) == [] and owner.has == {0}, "it is assigned"
        )
        source.read_from({0: 10})
        wait_until(lambda: fetching_stopped(source._consumer, topic), "the fetcher has met the lost place")
        source.hold([0])
        assert source.poll(max_records=10, timeout_s=0.1) == []
        source.read_from({0: 0})
        wait_until(lambda: len(read_on(source, records)) >= 5, "it reads on")
    assert [record.value for record in records] == [b"0", b"1", b"2", b"3", b"4"]
