"""The consumer that writes to PostgreSQL: rebalances during an outage, few locks, recreated topics."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from sqlalchemy import Connection

from tests.conftest import Broker
from tests.integration.support.commands import wait_until
from tfstream.app.ingest.transactional_consumer import TransactionalConsumer
from tfstream.errors import ServiceUnavailable
from tfstream.storage.database import Database
from tfstream.storage.driver_errors import OutOfLocks
from tfstream.streaming.records import Record
from tfstream.streaming.topics import ensure_topic

pytestmark = pytest.mark.postgres


class FailingTable:
    """A table that refuses writes while ``away`` is set."""

    def __init__(self) -> None:
        self.away = True
        self.writes = 0
        self.rows: list[bytes | None] = []

    def write(self, connection: Connection, records: Sequence[Record]) -> int:
        self.writes += 1
        if self.away:
            raise ServiceUnavailable("the database is away")
        self.rows += [record.value for record in records]
        return len(records)


def send(broker: Broker, topic: str, partition: int, value: bytes) -> None:
    producer = Producer(broker.properties)
    producer.produce(topic, value, partition=partition)
    assert producer.flush(10.0) == 0


def test_partitions_revoked_during_an_outage_do_not_stop_the_others(
    mock_kafka: Broker, database: Database, topic: str
) -> None:
    """Unwritten records pause all partitions; when another member gets those records, reading must go on."""
    send(mock_kafka, topic, 0, b"before")
    table = FailingTable()
    with TransactionalConsumer(mock_kafka.properties, database, topic, "test", table.write) as consumer:
        wait_until(lambda: not consumer.step() and table.writes > 0, "the consumer has met the outage")
        consumer.revoked([0])
        table.away = False
        send(mock_kafka, topic, 1, b"after")
        wait_until(lambda: consumer.step() > 0, "the other partition is read", timeout_s=20.0)
    assert table.rows == [b"after"]


def test_few_locks_do_not_let_the_unwritten_records_grow(
    mock_kafka: Broker, database: Database, topic: str
) -> None:
    """The database takes one message per transaction: the consumer holds at most one step's records."""
    written: list[bytes | None] = []
    unwritten: list[int] = []

    def write(connection: Connection, records: Sequence[Record]) -> int:
        if len(records) > 1:
            raise OutOfLocks("out of shared memory")
        written.extend(record.value for record in records)
        return len(records)

    def step() -> bool:
        consumer.step(max_records=10)
        unwritten.append(sum(map(len, consumer._unwritten.values())))
        return len(written) == 200

    producer = Producer(mock_kafka.properties)
    for number in range(200):
        producer.produce(topic, b"%d" % number, partition=0)
    assert producer.flush(10.0) == 0
    with TransactionalConsumer(mock_kafka.properties, database, topic, "test", write) as consumer:
        wait_until(step, "all messages are written")
    assert written == [b"%d" % number for number in range(200)]
    assert max(unwritten) <= 10


def test_batches_grow_again_once_the_database_has_locks(
    mock_kafka: Broker, database: Database, topic: str
) -> None:
    """Readings of many days need many locks; later readings are written as fast as before."""
    few_locks = True
    written: list[int] = []

    def write(connection: Connection, records: Sequence[Record]) -> int:
        if few_locks and len(records) > 1:
            raise OutOfLocks("out of shared memory")
        written.append(len(records))
        return len(records)

    def send_many(count: int) -> None:
        producer = Producer(mock_kafka.properties)
        for number in range(count):
            producer.produce(topic, b"%d" % number, partition=0)
        assert producer.flush(10.0) == 0

    def done(count: int) -> bool:
        consumer.step(max_records=100)
        return sum(written) == count

    with TransactionalConsumer(mock_kafka.properties, database, topic, "test", write) as consumer:
        send_many(40)
        wait_until(lambda: done(40), "all messages are written, one by one")
        few_locks = False
        send_many(2000)
        wait_until(lambda: done(2040), "the other messages are written")
    assert written[:40] == [1] * 40
    assert len(written) < 40 + 400


def test_only_partitions_of_the_old_topic_are_read_from_the_beginning(
    mock_kafka: Broker, database: Database, topic: str
) -> None:
    """A partition that was assigned after the topic changed continues at its committed offset."""
    table = FailingTable()
    table.away = False
    for number in range(2):
        send(mock_kafka, topic, number, b"first")
    with TransactionalConsumer(mock_kafka.properties, database, topic, "test", table.write) as consumer:
        wait_until(lambda: consumer.step() >= 0 and len(table.rows) == 2, "both messages are written")
        consumer._source.owned.discard(1)
        consumer._topic_id = "one"
        consumer._check_topic("two")
        assert consumer._recreated == consumer._source.owned != set()
        consumer._source.owned.add(1)
        consumer._source.hold([1])
        consumer.assigned([1])
        wait_until(
            lambda: consumer.step() >= 0 and len(table.rows) == 3,
            "a partition is read again from its beginning",
        )
        assert not consumer._recreated
        send(mock_kafka, topic, 1, b"second")
        wait_until(
            lambda: consumer.step() >= 0 and len(table.rows) == 4,
            "the other partition continues at its offset",
        )
    assert table.rows[2:] == [b"first", b"second"]


@pytest.mark.kafka
@pytest.mark.slow
def test_a_topic_that_is_recreated_while_unassigned_is_read_from_its_beginning(
    kafka: Broker, database: Database, topic: str
) -> None:
    """The partitions are revoked with the old topic and assigned again; the new topic is longer by then."""
    properties = {**kafka.properties, "topic.metadata.refresh.interval.ms": "500"}
    table = FailingTable()
    table.away = False
    admin = AdminClient({**kafka.properties})
    ensure_topic(properties, topic, 1)
    send(kafka, topic, 0, b"old")
    with TransactionalConsumer(properties, database, topic, "test", table.write) as consumer:
        wait_until(lambda: consumer.step() > 0, "the message of the old topic is written")
        admin.delete_topics([topic])[topic].result(15.0)
        wait_until(lambda: consumer.step() == 0 and not consumer._source.owned, "the partition is revoked")
        wait_until(lambda: ensure_topic(properties, topic, 1), "the topic is recreated")
        for value in (b"first", b"second", b"third"):
            send(kafka, topic, 0, value)
        wait_until(
            lambda: consumer.step() > 0 and table.rows[-1] == b"third",
            "the messages of the new topic are written",
        )
    assert table.rows == [b"old", b"first", b"second", b"third"]
