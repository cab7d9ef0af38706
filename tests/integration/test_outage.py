"""PostgreSQL goes away and comes back: scoring goes on, and SQL catches up to the row."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from tests.conftest import Broker
from tests.integration.commands import Tfstream, wait_until
from tests.integration.plants import write_plant
from tests.integration.topic_reader import read_committed
from tfstream.app.background import Background, beside
from tfstream.app.files import read_table
from tfstream.app.recorder import Recorder
from tfstream.app.replay import replay
from tfstream.core.stream import StreamDefinition
from tfstream.embedded.postgres import EmbeddedPostgres
from tfstream.storage import migrate, streams
from tfstream.storage.database import Database

WINDOWS, LATER_WINDOWS = 68, 30  # of 600 and of 300 rows, 64 to a window, one every 8

pytestmark = [pytest.mark.postgres, pytest.mark.kafka, pytest.mark.slow]


def test_scoring_goes_on_without_the_database(kafka: Broker, topic: str, tmp_path: Path) -> None:
    with EmbeddedPostgres(tmp_path / "postgres") as server:
        tfstream = Tfstream(server.url, kafka.bootstrap, TFSTREAM_KAFKA_SESSION_TIMEOUT_MS="6000")
        tfstream.run("db", "upgrade")
        normal = write_plant(tmp_path / "normal.csv", rows=600)
        tfstream.run("load", normal, "--topic", topic)
        tfstream.run("train", "--topic", topic)
        tfstream.run("replay", normal, "--topic", topic)
        table = read_table(write_plant(tmp_path / "more.csv", rows=300, start="2026-01-07T00:00:00Z"))
        definition = definition_of(server.url, topic)

        with tfstream.running("score", "--topic", topic, "--commit-interval", "100ms") as scorer:
            wait_until(
                lambda: in_sql(server.url) == on_topic(kafka, topic) == WINDOWS, "the first scores", scorer
            )
            server.pause()
            replay(kafka.properties, table, definition)
            wait_until(
                lambda: on_topic(kafka, topic) == WINDOWS + LATER_WINDOWS, "scores without a database", scorer
            )
            server.start()
            wait_until(lambda: in_sql(server.url) == WINDOWS + LATER_WINDOWS, "SQL to catch up", scorer)

            server.pause()  # a second scorer joins while nobody can say where its sink's partitions stand
            with tfstream.running("sink", "--topic", topic) as refused:
                said, _ = refused.communicate(timeout=60)
                assert refused.returncode == 4, said
            assert scorer.poll() is None
            server.start()


def test_partitions_that_come_during_an_outage_wait_for_it(
    kafka: Broker, topic: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Only the database knows where to read on: nothing is stored twice, nothing left out."""
    with EmbeddedPostgres(tmp_path / "postgres") as server:
        migrate.upgrade(server.url)
        table = read_table(write_plant(tmp_path / "plant.csv", rows=100))
        definition = StreamDefinition(topic=topic, sensors=table.sensors, interval_us=1_000_000)
        database = Database(server.url)
        with database.begin() as connection:
            stream = streams.add(connection, definition)
        replay(kafka.properties, table, definition)
        Recorder(kafka.properties, database, stream).run(lambda: False, until_end=True)
        replay(kafka.properties, table, definition)

        server.pause()
        recorder = Recorder(kafka.properties, database, stream)
        with beside(Background("recorder", recorder.run)) as work:
            wait_until(lambda: "trying again" in caplog.text or work.failed, "it met the outage")
            assert recorder.recorded == 0
            server.start()
            wait_until(lambda: recorder.recorded == 100 or work.failed, "it has caught up")
        assert recorder.recorded == 100
        database.close()


def definition_of(url: str, topic: str) -> StreamDefinition:
    database = Database(url)
    try:
        with database.begin() as connection:
            return streams.get(connection, topic).definition
    finally:
        database.close()


def in_sql(url: str) -> int:
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT count(*) FROM score").fetchone()
    assert row is not None
    return int(row[0])


def on_topic(kafka: Broker, topic: str) -> int:
    return len(read_committed(kafka.bootstrap, f"{topic}.scores"))
