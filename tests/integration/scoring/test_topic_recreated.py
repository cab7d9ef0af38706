"""A topic that is deleted and created again, or gets partitions, before a process starts or while it runs."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, NewTopic

from tests.conftest import Broker
from tests.integration.support.commands import Tfstream, wait_until
from tests.integration.support.in_process_scorer import score
from tests.integration.support.plants import Plant, write_plant
from tests.integration.support.topic_reader import read_committed
from tfstream.streaming.topics import ensure_partitions, partition_count

pytestmark = [pytest.mark.postgres, pytest.mark.kafka, pytest.mark.slow]

FAST_REFRESH = {"TFSTREAM_KAFKA_TOPIC_METADATA_REFRESH_INTERVAL_MS": "500"}


def recreate(broker: Broker, topic: str, partitions: int = 3) -> None:
    """Delete the topic, and create it again as soon as the name is free."""
    admin = AdminClient({**broker.properties, "log_level": 0})
    admin.delete_topics([topic])[topic].result(15.0)

    def created() -> bool:
        try:
            admin.create_topics([NewTopic(topic, partitions, 1)])[topic].result(15.0)
        except KafkaException:
            return False
        return True

    wait_until(created, "the name was free")


def count_scores(broker: Broker, topic: str) -> int:
    return len(read_committed(broker.bootstrap, f"{topic}.scores"))


def count_rows(url: str, table: str) -> int:
    with psycopg.connect(url) as connection:
        row = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
    assert row is not None
    return int(row[0])


def windows(readings: int) -> int:
    """How many windows of 64 rows, with a hop of 8 rows, that many readings make."""
    return 1 + (readings - 64) // 8


@pytest.mark.parametrize("readings", [300, 1200], ids=["shorter", "longer"])
def test_a_running_scorer_starts_a_recreated_topic_at_offset_0(
    kafka: Broker, plant: Plant, trained_topic: str, tmp_path: Path, readings: int
) -> None:
    """Also when the new topic soon has more messages than the old topic: the topic id differs."""
    before = windows(700)
    again = write_plant(tmp_path / "again.csv", rows=readings, start="2026-01-08T00:00:00Z")
    command = ("score", "--topic", trained_topic, "--commit-interval", "200ms")
    with plant.tfstream.running(*command) as scorer:
        wait_until(lambda: count_scores(kafka, trained_topic) == before, "the first topic was scored", scorer)
        recreate(kafka, trained_topic)
        plant.tfstream.run("replay", again, "--topic", trained_topic, "--asset", "faulty")
        wait_until(
            lambda: count_scores(kafka, trained_topic) >= before + windows(readings),
            "the second topic was scored",
            scorer,
        )
        scorer.terminate()
        output, _ = scorer.communicate(timeout=60)
    assert "was deleted and created again; starting at offset 0 with empty windows" in output
    times = [score.body["ts"] for score in read_committed(kafka.bootstrap, f"{trained_topic}.scores")]
    assert len([ts for ts in set(times) if ts >= "2026-01-08"]) == windows(readings)


@pytest.mark.parametrize("readings", [300, 1200], ids=["shorter", "longer"])
def test_a_stopped_scorer_starts_a_recreated_topic_at_offset_0(
    kafka: Broker, plant: Plant, trained_topic: str, tmp_path: Path, readings: int
) -> None:
    score(plant.tfstream, trained_topic)
    recreate(kafka, trained_topic)
    again = write_plant(tmp_path / "again.csv", rows=readings, start="2026-01-08T00:00:00Z")
    plant.tfstream.run("replay", again, "--topic", trained_topic, "--asset", "faulty")
    score(plant.tfstream, trained_topic)
    assert count_scores(kafka, trained_topic) == windows(700) + windows(readings)
    score(plant.tfstream, trained_topic)  # a further run has nothing to score
    assert count_scores(kafka, trained_topic) == windows(700) + windows(readings)


def test_a_running_recorder_records_a_recreated_topic(
    kafka: Broker, plant: Plant, trained_topic: str, tmp_path: Path
) -> None:
    again = write_plant(tmp_path / "again.csv", rows=300, start="2026-01-08T00:00:00Z")

    def stored(since: str) -> int:
        return count_rows(
            plant.tfstream.database_url,
            f"reading JOIN stream ON stream.id = stream_id"
            f" WHERE topic = '{trained_topic}' AND ts >= '{since}'",
        )

    with plant.tfstream.running("record", "--topic", trained_topic) as recorder:
        wait_until(lambda: stored("2026-01-06") == 700, "the first topic was recorded", recorder)
        recreate(kafka, trained_topic)
        plant.tfstream.run("replay", again, "--topic", trained_topic, "--asset", "faulty")
        wait_until(lambda: stored("2026-01-08") == 300, "the second topic was recorded", recorder)


def test_the_state_topic_gets_as_many_partitions_as_its_source(
    kafka: Broker, plant: Plant, trained_topic: str, tmp_path: Path
) -> None:
    """A running scorer scores new partitions; an asset that moves to one begins with empty windows."""
    shell = Tfstream(plant.tfstream.database_url, kafka.bootstrap, **FAST_REFRESH)
    with shell.running("score", "--topic", trained_topic, "--commit-interval", "200ms") as scorer:
        wait_until(
            lambda: count_scores(kafka, trained_topic) == windows(700), "three partitions were scored", scorer
        )
        ensure_partitions(kafka.properties, trained_topic, 6)
        for asset in ("a", "b", "c", "d", "e", "f"):
            file = write_plant(tmp_path / f"{asset}.csv", rows=300, start="2026-01-08T00:00:00Z")
            shell.run("replay", file, "--topic", trained_topic, "--asset", asset)
        wait_until(
            lambda: count_scores(kafka, trained_topic) >= windows(700) + 6 * windows(300),
            "six were scored",
            scorer,
        )
        scorer.terminate()
        output, _ = scorer.communicate(timeout=60)
        assert scorer.returncode == 0, output
    assert partition_count(kafka.properties, f"{trained_topic}.state") == 6

    assert count_scores(kafka, trained_topic) == windows(700) + 6 * windows(300)
    assert {message.partition for message in read_committed(kafka.bootstrap, trained_topic)} & {3, 4, 5}


def test_start_latest_reads_later_partitions_from_their_beginning(
    kafka: Broker, plant: Plant, trained_topic: str, tmp_path: Path
) -> None:
    """Every message of a new partition came after the first start, so each is scored."""
    score(plant.tfstream, trained_topic, start="latest")
    ensure_partitions(kafka.properties, trained_topic, 6)
    file = write_plant(tmp_path / "later.csv", rows=300, start="2026-01-08T00:00:00Z")
    for asset in ("a", "b", "c", "d", "e", "f"):
        plant.tfstream.run("replay", file, "--topic", trained_topic, "--asset", asset)
    assert {message.partition for message in read_committed(kafka.bootstrap, trained_topic)} & {3, 4, 5}
    score(plant.tfstream, trained_topic, start="latest")
    assert count_scores(kafka, trained_topic) == 6 * windows(300)
