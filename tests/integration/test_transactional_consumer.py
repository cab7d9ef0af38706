"""The feed between Kafka and PostgreSQL: what a rebalance during an outage leaves behind."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from sqlalchemy import Connection

from tests.conftest import Broker
from tests.integration.commands import wait_until
from tfstream.app.ingest.transactional_consumer import TransactionalConsumer
from tfstream.errors import ServiceUnavailable
from tfstream.storage.database import Database
from tfstream.storage.driver_errors import OutOfLocks
from tfstream.streaming.records import Record
from tfstream.streaming.topics import ensure_topic

pytestmark = pytest.mark.postgres


class Table:
    """Something to write to that can be away."""

    def __init__(self) -> None:
        self.away = True
        self.asked = 0
        self.rows: list[bytes | None] = []

    def write(self, connection: Connection, records: Sequence[Record]) -> int:
        self.asked += 1
        if self.away:
            raise ServiceUnavailable("the database is away")
        self.rows += [record.value for record in records]
        return len(records)


def send(broker: Broker, topic: str, partition: int, value: bytes) -> None:
    producer = Producer(broker.properties)
    producer.produce(topic, value, partition=partition)
    assert producer.flush(10.0) == 0


def test_partitions_whose_records_were_taken_away_in_an_outage_do_not_stop_the_others(
    mock_kafka: Broker, database: Database, topic: str
) -> None:
    """All are paused for the sake of what was read; when that goes to another member, reading must go on."""
    send(mock_kafka, topic, 0, b"before")
    table = Table()
    with TransactionalConsumer(mock_kafka.properties, database, topic, "test", table.write) as feed:
        wait_until(lambda: not feed.step() and table.asked > 0, "it met the outage")
        feed.revoked([0])
        table.away = False
        send(mock_kafka, topic, 1, b"after")
        wait_until(lambda: feed.step() > 0, "it reads on", timeout_s=20.0)
    assert table.rows == [b"after"]


def test_what_waits_for_a_database_of_few_locks_does_not_grow(
    mock_kafka: Broker, database: Database, topic: str
) -> None:
    """One message in a transaction: no more is read meanwhile than one step may take."""
    written: list[bytes | None] = []
    waiting: list[int] = []

    def write(connection: Connection, records: Sequence[Record]) -> int:
        if len(records) > 1:
            raise OutOfLocks("out of shared memory")
        written.extend(record.value for record in records)
        return len(records)

    def step() -> bool:
        feed.step(max_records=10)
        waiting.append(sum(map(len, feed._unwritten.values())))
        return len(written) == 200

    producer = Producer(mock_kafka.properties)
    for number in range(200):
        producer.produce(topic, b"%d" % number, partition=0)
    assert producer.flush(10.0) == 0
    with TransactionalConsumer(mock_kafka.properties, database, topic, "test", write) as feed:
        wait_until(step, "all is written")
    assert written == [b"%d" % number for number in range(200)]
    assert max(waiting) <= 10


def test_more_is_written_at_a_time_once_the_database_has_locks_again(
    mock_kafka: Broker, database: Database, topic: str
) -> None:
    """A table of many days is over some time; what comes after it is written as fast as before."""
    few = True
    written: list[int] = []

    def write(connection: Connection, records: Sequence[Record]) -> int:
        if few and len(records) > 1:
            raise OutOfLocks("out of shared memory")
        written.append(len(records))
        return len(records)

    def send_many(count: int) -> None:
        producer = Producer(mock_kafka.properties)
        for number in range(count):
            producer.produce(topic, b"%d" % number, partition=0)
        assert producer.flush(10.0) == 0

    def done(count: int) -> bool:
        feed.step(max_records=100)
        return sum(written) == count

    with TransactionalConsumer(mock_kafka.properties, database, topic, "test", write) as feed:
        send_many(40)
        wait_until(lambda: done(40), "all is written, one by one")
        few = False
        send_many(2000)
        wait_until(lambda: done(2040), "the rest is written")
    assert written[:40] == [1] * 40
    assert len(written) < 40 + 400


def test_another_topic_is_only_so_for_partitions_that_were_there(
    mock_kafka: Broker, database: Database, topic: str
) -> None:
    """A partition that was taken over before it was read anew is read from where the other one stands."""
    table = Table()
    table.away = False
    for number in range(2):
        send(mock_kafka, topic, number, b"first")
    with TransactionalConsumer(mock_kafka.properties, database, topic, "test", table.write) as feed:
        wait_until(lambda: feed.step() >= 0 and len(table.rows) == 2, "both are written")
        feed._source.owned.discard(1)
        feed._topic_id = "one"
        feed._check_topic("two")
        assert feed._recreated == feed._source.owned != set()
        feed._source.owned.add(1)
        feed._source.hold([1])
        feed.assigned([1])
        wait_until(lambda: feed.step() >= 0 and len(table.rows) == 3, "one is read again from its beginning")
        assert not feed._recreated
        send(mock_kafka, topic, 1, b"second")
        wait_until(lambda: feed.step() >= 0 and len(table.rows) == 4, "the other goes on where it stood")
    assert table.rows[2:] == [b"first", b"second"]


@pytest.mark.kafka
@pytest.mark.slow
def test_a_topic_that_is_made_anew_while_nobody_has_it_is_read_from_its_beginning(
    kafka: Broker, database: Database, topic: str
) -> None:
    """The partitions are taken away with the old topic and given anew: the new one is longer already."""
    properties = {**kafka.properties, "topic.metadata.refresh.interval.ms": "500"}
    table = Table()
    table.away = False
    admin = AdminClient({**kafka.properties})
    ensure_topic(properties, topic, 1)
    send(kafka, topic, 0, b"old")
    with TransactionalConsumer(properties, database, topic, "test", table.write) as feed:
        wait_until(lambda: feed.step() > 0, "the old one is written")
        admin.delete_topics([topic])[topic].result(15.0)
        wait_until(lambda: feed.step() == 0 and not feed._source.owned, "it is taken away")
        wait_until(lambda: ensure_topic(properties, topic, 1), "it is made anew")
        for value in (b"first", b"second", b"third"):
            send(kafka, topic, 0, value)
        wait_until(lambda: feed.step() > 0 and table.rows[-1] == b"third", "the new one is written")
    assert table.rows == [b"old", b"first", b"second", b"third"]
