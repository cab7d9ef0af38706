"""A state topic without compaction takes longer to read than ``max.poll.interval.ms``."""

from __future__ import annotations

import logging

import pytest
from confluent_kafka import Producer

from tests.conftest import Broker
from tests.integration.support.commands import wait_until
from tests.integration.support.in_process_scorer import score
from tests.integration.support.plants import Plant
from tests.integration.support.topic_reader import read_committed
from tfstream.streaming.consumer.state_reader import StateReader
from tfstream.streaming.topics import ensure_topic, state_topic

pytestmark = [pytest.mark.postgres, pytest.mark.kafka, pytest.mark.slow]

RECORDS = 2_000_000
SHORT_TIMEOUTS = {
    "session.timeout.ms": "6000",
    "heartbeat.interval.ms": "1000",
    "max.poll.interval.ms": "6000",
}


def fill(broker: Broker, topic: str, records: int) -> None:
    """Send a few keys again and again, as the commits of weeks do."""
    producer = Producer(
        {**broker.properties, "linger.ms": 50, "queue.buffering.max.messages": 2 * records, "log_level": 0}
    )
    for number in range(records):
        producer.produce(topic, b"%d" % number, b"asset-%d" % (number % 7), number % 3)
        if number % 10_000 == 0:
            producer.poll(0.0)
    assert producer.flush(120.0) == 0


def test_a_scorer_stays_in_its_group_while_it_reads_a_long_state(
    kafka: Broker, plant: Plant, trained_topic: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The state records cannot be read: those assets lose their windows, the scorer keeps its partitions."""
    ensure_topic(kafka.properties, state_topic(trained_topic), 3, {"cleanup.policy": "compact"})
    fill(kafka, state_topic(trained_topic), RECORDS)
    with caplog.at_level(logging.INFO, "tfstream.kafka"):
        score(plant.tfstream, trained_topic, kafka=SHORT_TIMEOUTS)
    assert "lost partitions" not in caplog.text
    assert caplog.text.count("assigned partitions") == 1
    assert len(read_committed(kafka.bootstrap, f"{trained_topic}.scores")) == 80


def test_a_state_is_read_partition_by_partition(kafka: Broker, topic: str) -> None:
    """Each partition is returned at its end, later records are added, and no partition is read twice."""
    ensure_topic(kafka.properties, topic, 3)
    fill(kafka, topic, 30_000)
    reader = StateReader(kafka.properties, topic)
    try:
        reader.request([0, 1])
        reader.request([0, 1, 2])
        wait_until(lambda: len(reader.read(0.0)) == 3, "all partitions are read")
        tables = reader.read(0.0)
        assert {len(table) for table in tables.values()} == {7}
        reader.drop([0])
        fill(kafka, topic, 4)
        wait_until(lambda: reader.read(0.0).get(1, {}).get(b"asset-1") == b"1", "the newest record is added")
        assert set(reader.read(0.0)) == {1, 2}
        reader.request([0, 1, 2])
        assert 0 not in reader.read(0.0)
        wait_until(
            lambda: reader.read(0.0).get(0, {}).get(b"asset-3") == b"3", "the dropped partition is read again"
        )
    finally:
        reader.close()
    assert reader.idle
