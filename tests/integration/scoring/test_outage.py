"""A service fails and returns: no message is lost or stored twice, and no process needs a restart."""

from __future__ import annotations

import time
from pathlib import Path

import psycopg
import pytest

from tests.conftest import Broker
from tests.integration.support.commands import Tfstream, wait_until
from tests.integration.support.plants import Plant, write_plant
from tests.integration.support.stream_copy import copy_stream
from tests.integration.support.suspended_process import suspended
from tests.integration.support.topic_reader import read_committed
from tests.scrape import idle_reason, scrape
from tfstream.app.files.replay import replay
from tfstream.app.files.sensor_table import read_table
from tfstream.app.ingest.recorder import Recorder
from tfstream.app.runtime.background import Background, run_beside
from tfstream.core.stream import StreamDefinition
from tfstream.embedded import kafka as apache
from tfstream.embedded.kafka import ApacheKafka
from tfstream.embedded.postgres import EmbeddedPostgres
from tfstream.embedded.process import free_port
from tfstream.storage import migrate, streams
from tfstream.storage.database import Database

OUTAGE_S = 17.0  # longer than a transaction may last
# of 600, 300 and 900 rows, with windows of 64 rows and a hop of 8
WINDOWS, LATER_WINDOWS, FLOW_WINDOWS = 68, 30, 105

pytestmark = [pytest.mark.postgres, pytest.mark.kafka, pytest.mark.slow]


def test_scoring_continues_without_the_database(kafka: Broker, topic: str, tmp_path: Path) -> None:
    with EmbeddedPostgres(tmp_path / "postgres") as server:
        tfstream = Tfstream(server.url, kafka.bootstrap, TFSTREAM_KAFKA_SESSION_TIMEOUT_MS="6000")
        tfstream.run("db", "upgrade")
        normal = write_plant(tmp_path / "normal.csv", rows=600)
        tfstream.run("load", normal, "--topic", topic)
        tfstream.run("train", "--topic", topic, "--no-gate")
        tfstream.run("replay", normal, "--topic", topic)
        table = read_table(write_plant(tmp_path / "more.csv", rows=300, start="2026-01-07T00:00:00Z"))
        definition = definition_of(server.url, topic)

        with tfstream.running("score", "--topic", topic, "--commit-interval", "100ms") as scorer:
            wait_until(
                lambda: count_scores_in_sql(server.url) == count_scores_on_topic(kafka, topic) == WINDOWS,
                "the first scores",
                scorer,
            )
            server.pause()
            replay(kafka.properties, table, definition)
            wait_until(
                lambda: count_scores_on_topic(kafka, topic) == WINDOWS + LATER_WINDOWS,
                "scores without a database",
                scorer,
            )
            server.start()
            wait_until(
                lambda: count_scores_in_sql(server.url) == WINDOWS + LATER_WINDOWS, "SQL to catch up", scorer
            )

            server.pause()  # a new sink cannot read its offsets without the database
            with tfstream.running("sink", "--topic", topic) as refused:
                output, _ = refused.communicate(timeout=60)
                assert refused.returncode == 4, output
            assert scorer.poll() is None
            server.start()


def test_a_database_that_hangs_delays_nothing_but_new_models(
    kafka: Broker, topic: str, tmp_path: Path
) -> None:
    """Its connections stay open without an answer: only the thread that sent the query waits."""
    with EmbeddedPostgres(tmp_path / "postgres") as server:
        tfstream, port = Tfstream(server.url, kafka.bootstrap), free_port()
        tfstream.run("db", "upgrade")
        normal = write_plant(tmp_path / "normal.csv", rows=600)
        tfstream.run("load", normal, "--topic", topic)
        tfstream.run("replay", normal, "--topic", topic)
        more = write_plant(tmp_path / "more.csv", rows=300, start="2026-01-07T00:00:00Z")
        definition = definition_of(server.url, topic)

        arguments = ("score", "--topic", topic, "--commit-interval", "100ms", "--metrics-port", str(port))
        with tfstream.running(*arguments) as scorer:
            wait_until(lambda: idle_reason(port) == "no-model", "the reason no-model", scorer)
            with suspended(server.pid):
                wait_until(
                    lambda: idle_reason(port) == "database-unreachable",
                    "the reason database-unreachable",
                    scorer,
                )
            tfstream.run("train", "--topic", topic, "--no-gate")
            wait_until(lambda: count_scores_on_topic(kafka, topic) == WINDOWS, "the first scores", scorer)
            add_version_2(server.url)
            with suspended(server.pid):
                wait_until(lambda: waiting_metric(port) == [1.0], "the metric shows the late answer", scorer)
                replay(kafka.properties, read_table(more), definition)
                wait_until(
                    lambda: count_scores_on_topic(kafka, topic) == WINDOWS + LATER_WINDOWS,
                    "scores meanwhile",
                    scorer,
                )
            wait_until(lambda: waiting_metric(port) == [0.0], "the answer", scorer)
            tfstream.run("models", "promote", "2", "--topic", topic)
            wait_until(
                lambda: scrape(port, "tfstream_model_version", process="score") == [2.0],
                "the new model",
                scorer,
            )
            wait_until(
                lambda: count_scores_in_sql(server.url) == WINDOWS + LATER_WINDOWS, "SQL to catch up", scorer
            )
            scorer.terminate()
            output, _ = scorer.communicate(timeout=60)
        assert scorer.returncode == 0, output
    assert "cannot check for a newer model, version 1 continues: PostgreSQL at" in output


def test_partitions_that_are_assigned_during_an_outage_wait_for_its_end(
    kafka: Broker, topic: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Only the database holds the next offsets: no reading is stored twice or skipped."""
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
        with run_beside(Background("recorder", recorder.run)) as work:
            wait_until(lambda: "trying again" in caplog.text or work.failed, "the recorder met the outage")
            assert recorder.processed == 0
            server.start()
            wait_until(lambda: recorder.processed == 100 or work.failed, "the recorder has caught up")
        assert recorder.processed == 100
        database.close()


def test_a_scorer_continues_after_a_crash_of_the_broker(
    plant: Plant, template_stream: str, topic: str, tmp_path: Path
) -> None:
    """The broker is killed while readings arrive, mostly during an open transaction, and started again."""
    home = apache.find_kafka_home()
    if home is None:
        pytest.skip("needs an Apache Kafka of its own")
    copy_stream(plant.tfstream.database_url, template_stream, topic)
    definition = definition_of(plant.tfstream.database_url, topic)
    file = write_plant(tmp_path / "flow.csv", rows=900, start="2026-01-07T00:00:00Z")
    with ApacheKafka(home, tmp_path / "kafka") as server:
        broker = Broker(server.bootstrap, server)
        tfstream = Tfstream(plant.tfstream.database_url, server.bootstrap)
        replay(broker.properties, read_table(file, asset="before"), definition)
        with tfstream.running("score", "--topic", topic, "--commit-interval", "1s", "--no-sink") as scorer:
            wait_until(
                lambda: count_scores_on_topic(broker, topic) == FLOW_WINDOWS, "the first scores", scorer
            )
            flowing = read_table(file, asset="flowing")
            flow = Background("flow", lambda stop: replay(broker.properties, flowing, definition, speed=60))
            with run_beside(flow):
                wait_until(
                    lambda: count_scores_on_topic(broker, topic) > FLOW_WINDOWS + 20,
                    "scores of the flow",
                    scorer,
                )
                server.kill()
                time.sleep(OUTAGE_S)
                server.start()
                wait_until(
                    lambda: count_scores_on_topic(broker, topic) == 2 * FLOW_WINDOWS,
                    "all scores",
                    scorer,
                    timeout_s=180.0,
                )
        scored = [
            (score.key, score.body["ts"]) for score in read_committed(server.bootstrap, f"{topic}.scores")
        ]
    assert len(set(scored)) == 2 * FLOW_WINDOWS


def add_version_2(url: str) -> None:
    """Copy model version 1 as version 2, a candidate."""
    with psycopg.connect(url) as connection:
        connection.execute(
            "INSERT INTO model (stream_id, version, status, metrics, bundle, sha256, trained_from, "
            "trained_until, rows, seed) SELECT stream_id, 2, 'candidate', metrics, bundle, sha256, "
            "trained_from, trained_until, rows, seed FROM model"
        )


def waiting_metric(port: int) -> list[float]:
    """The metric for a late answer about a newer model: [1.0] while the scorer waits."""
    return scrape(port, "tfstream_waiting_for_service", process="score")


def definition_of(url: str, topic: str) -> StreamDefinition:
    database = Database(url)
    try:
        with database.begin() as connection:
            return streams.get(connection, topic).definition
    finally:
        database.close()


def count_scores_in_sql(url: str) -> int:
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT count(*) FROM score").fetchone()
    assert row is not None
    return int(row[0])


def count_scores_on_topic(kafka: Broker, topic: str) -> int:
    return len(read_committed(kafka.bootstrap, f"{topic}.scores"))
