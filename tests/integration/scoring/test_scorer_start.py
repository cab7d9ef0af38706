"""Where a scorer starts: a reset or deleted group, another interval, start "latest"; and bad messages."""

from __future__ import annotations

from pathlib import Path

import pytest
from confluent_kafka import ConsumerGroupTopicPartitions, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, ResourceType

from tests.integration.support.in_process_scorer import score
from tests.integration.support.plants import Plant, write_plant
from tests.integration.support.topic_reader import read_committed
from tfstream.streaming.topics import ensure_topic, partition_count

pytestmark = [pytest.mark.postgres, pytest.mark.kafka, pytest.mark.slow]


def scores_of(plant: Plant, topic: str) -> dict[str, int]:
    """How many scores each asset has."""
    counts: dict[str, int] = {}
    for message in read_committed(plant.tfstream.bootstrap, f"{topic}.scores"):
        asset = (message.key or b"").decode()
        counts[asset] = counts.get(asset, 0) + 1
    return counts


def reset(plant: Plant, topic: str) -> None:
    """Set the group back to offset 0, as `kafka-consumer-groups --reset-offsets --to-earliest` does."""
    admin = AdminClient({"bootstrap.servers": plant.tfstream.bootstrap})
    group = f"tfstream.score.{topic}"
    offsets = [TopicPartition(topic, partition, 0) for partition in range(3)]
    results = admin.alter_consumer_group_offsets([ConsumerGroupTopicPartitions(group, offsets)])
    results[group].result(20.0)


def config_of(plant: Plant, topic: str, name: str) -> str:
    admin = AdminClient({"bootstrap.servers": plant.tfstream.bootstrap})
    resource = ConfigResource(ResourceType.TOPIC, topic)
    value: str = admin.describe_configs([resource])[resource].result(10.0)[name].value
    return value


def test_a_reset_group_scores_all_assets_again(plant: Plant, trained_topic: str) -> None:
    """The state of an asset from before the reset must not make its old messages late."""
    for asset in ("a", "b", "c", "d"):
        plant.tfstream.run("replay", plant.faulty, "--topic", trained_topic, "--asset", asset)
    score(plant.tfstream, trained_topic)
    reset(plant, trained_topic)
    score(plant.tfstream, trained_topic, lambda progress: progress.commits == 1)  # the first commits only
    score(plant.tfstream, trained_topic)
    assert scores_of(plant, trained_topic) == dict.fromkeys(("faulty", "a", "b", "c", "d"), 2 * 80)


@pytest.mark.parametrize("start", ["earliest", "latest"])
def test_a_deleted_group_continues_at_the_offsets_of_the_state_topic(
    plant: Plant, trained_topic: str, start: str
) -> None:
    """As after a week without a scorer: no window is scored twice, and no message is skipped."""
    score(plant.tfstream, trained_topic)
    admin = AdminClient({"bootstrap.servers": plant.tfstream.bootstrap})
    group = f"tfstream.score.{trained_topic}"
    admin.delete_consumer_groups([group])[group].result(20.0)
    plant.tfstream.run("replay", plant.faulty, "--topic", trained_topic, "--asset", "after")
    score(plant.tfstream, trained_topic, start=start)
    assert scores_of(plant, trained_topic) == {"faulty": 80, "after": 80}


def test_another_interval_starts_with_empty_windows(plant: Plant, trained_topic: str) -> None:
    """Rows are counted in intervals: with a longer interval every new row would count as late."""
    score(plant.tfstream, trained_topic)
    plant.tfstream.run("streams", "set", trained_topic, "--interval", "2s")
    plant.tfstream.run("load", plant.normal, "--topic", trained_topic)
    plant.tfstream.run("train", "--topic", trained_topic, "--no-gate")
    later = write_plant(plant.normal.with_name("slower.csv"), rows=600, start="2026-01-06T00:20:00Z")
    plant.tfstream.run("replay", later, "--topic", trained_topic, "--asset", "faulty")
    score(plant.tfstream, trained_topic)
    assert scores_of(plant, trained_topic)["faulty"] > 80 + 20


def test_start_latest_applies_to_the_first_start_only(plant: Plant, trained_topic: str) -> None:
    """A second start continues at the end offset of the first start."""
    score(plant.tfstream, trained_topic, start="latest")
    plant.tfstream.run("replay", plant.faulty, "--topic", trained_topic, "--asset", "after")
    score(plant.tfstream, trained_topic, start="latest")
    assert scores_of(plant, trained_topic) == {"after": 80}


def test_a_message_too_large_for_a_dead_letter_is_shortened(plant: Plant, trained_topic: str) -> None:
    producer = Producer({"bootstrap.servers": plant.tfstream.bootstrap, "message.max.bytes": 1_048_000})
    producer.produce(trained_topic, b"{" + b"x" * 1_040_000, b"faulty")
    producer.flush(20.0)
    plant.tfstream.run("replay", plant.faulty, "--topic", trained_topic, "--asset", "after")
    score(plant.tfstream, trained_topic)
    assert scores_of(plant, trained_topic)["after"] == 80
    (letter,) = read_committed(plant.tfstream.bootstrap, f"{trained_topic}.dead-letters")
    assert dict(letter.headers)["tfstream.size"] == b"1040001"
    assert len(letter.value or b"") < 1_000_000


def test_unreadable_events_do_not_end_the_sink(plant: Plant, trained_topic: str) -> None:
    plant.tfstream.run("score", "--topic", trained_topic, "--until-end")
    event = read_committed(plant.tfstream.bootstrap, f"{trained_topic}.anomalies")[0]
    producer = Producer({"bootstrap.servers": plant.tfstream.bootstrap})
    own_id = event.body["anomaly_id"].encode()
    for value in (b"{", (event.value or b"").replace(own_id, b"not-a-uuid")):
        producer.produce(f"{trained_topic}.anomalies", value, b"faulty")
    producer.flush(20.0)
    plant.tfstream.run("sink", "--topic", trained_topic, "--until-end")


def test_a_topic_is_created_only_on_purpose_and_with_its_settings(
    plant: Plant, trained_topic: str, tmp_path: Path
) -> None:
    """By default Kafka creates a topic that a client merely asks about, with settings that lose state."""
    bootstrap = {"bootstrap.servers": plant.tfstream.bootstrap}
    plant.tfstream.run("inspect", "--topic", "no.such.topic", exit_code=3)
    assert partition_count(bootstrap, "no.such.topic") is None
    score(plant.tfstream, trained_topic)
    assert config_of(plant, f"{trained_topic}.state", "cleanup.policy") == "compact"
    assert ensure_topic(bootstrap, f"{trained_topic}.five", 5)
    assert partition_count(bootstrap, f"{trained_topic}.five") == 5


def test_a_second_group_is_refused(plant: Plant, trained_topic: str) -> None:
    """A second group would write all outputs again and take over the state."""
    tfstream = plant.tfstream
    tfstream.run("score", "--topic", trained_topic, "--until-end")
    before = scores_of(plant, trained_topic)
    refused = tfstream.run("score", "--topic", trained_topic, "--until-end", "--group", "second", exit_code=3)
    assert f"is scored by the group tfstream.score.{trained_topic}, and second would write" in refused.stderr
    assert f"delete {trained_topic}.state" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert scores_of(plant, trained_topic) == before
    done = tfstream.run(
        "score", "--topic", trained_topic, "--until-end", "--group", f"tfstream.score.{trained_topic}"
    )
    assert "0 windows scored" in done.stderr
