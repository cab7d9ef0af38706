"""A topic that is made anew, or that gets partitions: under a process that runs, and before its start."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, NewTopic

from tests.conftest import Broker
from tests.integration.commands import Tfstream, wait_until
from tests.integration.in_process_scorer import score
from tests.integration.plants import Plant, write_plant
from tests.integration.topic_reader import read_committed
from tfstream.streaming.topics import ensure_partitions, partition_count

pytestmark = [pytest.mark.postgres, pytest.mark.kafka, pytest.mark.slow]

SOON = {"TFSTREAM_KAFKA_TOPIC_METADATA_REFRESH_INTERVAL_MS": "500"}


def make_anew(broker: Broker, topic: str, partitions: int = 3) -> None:
    """Deleted, and made again as soon as the name is free."""
    admin = AdminClient({**broker.properties, "log_level": 0})
    admin.delete_topics([topic])[topic].result(15.0)

    def made() -> bool:
        try:
            admin.create_topics([NewTopic(topic, partitions, 1)])[topic].result(15.0)
        except KafkaException:
            return False
        return True

    wait_until(made, "the name was free")


def hops(broker: Broker, topic: str) -> int:
    return len(read_committed(broker.bootstrap, f"{topic}.scores"))


def rows(url: str, table: str) -> int:
    with psycopg.connect(url) as connection:
        found = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
    assert found is not None
    return int(found[0])


def windows(readings: int) -> int:
    """One every eight rows, once the first sixty-four are there."""
    return 1 + (readings - 64) // 8


@pytest.mark.parametrize("readings", [300, 1200], ids=["shorter", "longer"])
def test_a_running_scorer_begins_anew_with_a_topic_that_is_made_anew(
    kafka: Broker, plant: Plant, trained_topic: str, tmp_path: Path, readings: int
) -> None:
    """Also when the new topic soon is longer than the old one: its id tells them apart."""
    before = windows(700)
    again = write_plant(tmp_path / "again.csv", rows=readings, start="2026-01-08T00:00:00Z")
    command = ("score", "--topic", trained_topic, "--commit-interval", "200ms")
    with plant.tfstream.running(*command) as scorer:
        wait_until(lambda: hops(kafka, trained_topic) == before, "the first topic was scored", scorer)
        make_anew(kafka, trained_topic)
        plant.tfstream.run("replay", again, "--topic", trained_topic, "--asset", "faulty")
        wait_until(
            lambda: hops(kafka, trained_topic) >= before + windows(readings),
            "the second topic was scored",
            scorer,
        )
        scorer.terminate()
        said, _ = scorer.communicate(timeout=60)
    assert "was deleted and created again; starting at offset 0 with empty windows" in said
    tail = [one.body["ts"] for one in read_committed(kafka.bootstrap, f"{trained_topic}.scores")]
    assert len([ts for ts in set(tail) if ts >= "2026-01-08"]) == windows(readings)


@pytest.mark.parametrize("readings", [300, 1200], ids=["shorter", "longer"])
def test_a_scorer_that_was_away_meanwhile_begins_anew(
    kafka: Broker, plant: Plant, trained_topic: str, tmp_path: Path, readings: int
) -> None:
    score(plant.tfstream, trained_topic)
    make_anew(kafka, trained_topic)
    again = write_plant(tmp_path / "again.csv", rows=readings, start="2026-01-08T00:00:00Z")
    plant.tfstream.run("replay", again, "--topic", trained_topic, "--asset", "faulty")
    score(plant.tfstream, trained_topic)
    assert hops(kafka, trained_topic) == windows(700) + windows(readings)
    score(plant.tfstream, trained_topic)  # and once more: nothing is left to do
    assert hops(kafka, trained_topic) == windows(700) + windows(readings)


def test_a_running_recorder_begins_anew(
    kafka: Broker, plant: Plant, trained_topic: str, tmp_path: Path
) -> None:
    again = write_plant(tmp_path / "again.csv", rows=300, start="2026-01-08T00:00:00Z")

    def stored(since: str) -> int:
        return rows(
            plant.tfstream.database_url,
            f"reading JOIN stream ON stream.id = stream_id"
            f" WHERE topic = '{trained_topic}' AND ts >= '{since}'",
        )

    with plant.tfstream.running("record", "--topic", trained_topic) as recorder:
        wait_until(lambda: stored("2026-01-06") == 700, "the first topic was recorded", recorder)
        make_anew(kafka, trained_topic)
        plant.tfstream.run("replay", again, "--topic", trained_topic, "--asset", "faulty")
        wait_until(lambda: stored("2026-01-08") == 300, "the second topic was recorded", recorder)


def test_the_state_grows_with_its_source(
    kafka: Broker, plant: Plant, trained_topic: str, tmp_path: Path
) -> None:
    """A running scorer scores new partitions; an asset that moves to one begins with empty windows."""
    shell = Tfstream(plant.tfstream.database_url, kafka.bootstrap, **SOON)
    with shell.running("score", "--topic", trained_topic, "--commit-interval", "200ms") as scorer:
        wait_until(lambda: hops(kafka, trained_topic) == windows(700), "three partitions were scored", scorer)
        ensure_partitions(kafka.properties, trained_topic, 6)
        for asset in ("a", "b", "c", "d", "e", "f"):
            file = write_plant(tmp_path / f"{asset}.csv", rows=300, start="2026-01-08T00:00:00Z")
            shell.run("replay", file, "--topic", trained_topic, "--asset", asset)
        wait_until(
            lambda: hops(kafka, trained_topic) >= windows(700) + 6 * windows(300), "six were scored", scorer
        )
        scorer.terminate()
        said, _ = scorer.communicate(timeout=60)
        assert scorer.returncode == 0, said
    assert partition_count(kafka.properties, f"{trained_topic}.state") == 6

    assert hops(kafka, trained_topic) == windows(700) + 6 * windows(300)
    assert {one.partition for one in read_committed(kafka.bootstrap, trained_topic)} & {3, 4, 5}


def test_a_late_start_skips_nothing_of_partitions_that_are_added_later(
    kafka: Broker, plant: Plant, trained_topic: str, tmp_path: Path
) -> None:
    """All that a new partition holds came after the start, whoever reads it first and when."""
    score(plant.tfstream, trained_topic, start="latest")
    ensure_partitions(kafka.properties, trained_topic, 6)
    file = write_plant(tmp_path / "later.csv", rows=300, start="2026-01-08T00:00:00Z")
    for asset in ("a", "b", "c", "d", "e", "f"):
        plant.tfstream.run("replay", file, "--topic", trained_topic, "--asset", asset)
    assert {one.partition for one in read_committed(kafka.bootstrap, trained_topic)} & {3, 4, 5}
    score(plant.tfstream, trained_topic, start="latest")
    assert hops(kafka, trained_topic) == 6 * windows(300)
