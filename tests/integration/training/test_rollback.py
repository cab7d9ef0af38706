"""Rollback and promotion of model versions by hand, also while scorers run."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime

import numpy as np
import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from tests.integration.support import examples, short_training
from tests.integration.support.commands import wait_until
from tests.integration.support.plants import SENSORS, Plant
from tests.integration.support.small_bundle import small_bundle
from tests.integration.support.topic_reader import TopicMessage, read_committed
from tfstream.app.training import promote, train
from tfstream.app.training.training_options import TrainingOptions
from tfstream.core.state import HEAD_KEY
from tfstream.core.stream import StreamDefinition
from tfstream.errors import BadData, ConfigurationError
from tfstream.storage import champion_history, models, readings, streams
from tfstream.storage.database import Database
from tfstream.storage.streams import StreamRecord

pytestmark = [pytest.mark.postgres, pytest.mark.slow]

COMMIT = "200ms"
FLOWING = b"flowing"
SHORT_FETCH = {"fetch.wait.max.ms": "10"}  # a longer fetch never reaches the end of a topic in use
# With every commit a scorer queries the champion's version, and has the answer by the next commit: two
# commits, or a few more where the database answers slowly.
MOST_COMMITS = 5


@pytest.fixture
def stream(database: Database) -> StreamRecord:
    """Versions 1, 2 and 3 were champion in turn; 4 is a candidate."""
    with database.begin() as connection:
        stream_id = examples.add_stream(connection)
        for _ in range(3):
            models.promote(connection, stream_id, examples.save_model(connection, stream_id, small_bundle()))
        examples.save_model(connection, stream_id, small_bundle())
        return streams.get(connection, examples.TOPIC)


def test_a_rollback_never_returns_to_a_version_that_was_rolled_back(
    database: Database, stream: StreamRecord
) -> None:
    first = promote.roll_back(database, stream, None, by="anna", reason="too many alarms")
    assert (first.before, first.version) == (3, 2)
    second = promote.roll_back(database, stream, None, by="anna", reason=None)
    assert (second.before, second.version) == (2, 1)
    with pytest.raises(BadData, match=r"has no champion before version 1"):
        promote.roll_back(database, stream, None, by="anna", reason=None)
    with database.begin() as connection:
        models_by_version = {
            row.version: (row.status, row.reason) for row in models.list_all(connection, stream.id)
        }
        periods = champion_history.periods(connection, stream.id)
    assert {version: status for version, (status, _) in models_by_version.items()} == {
        1: "champion",
        2: "rejected",
        3: "rejected",
        4: "candidate",
    }
    _, reason = models_by_version[3]
    assert reason is not None
    assert reason.startswith("rolled back to version 2 by anna at 20")
    assert reason.endswith(": too many alarms")
    assert [(period.version, period.how) for period in periods] == [
        (1, "rollback"),
        (2, "rollback"),
        (3, "refit"),
        (2, "refit"),
        (1, "refit"),
    ]
    assert periods[0].until is None
    assert [period.since for period in periods[:-1]] == [period.until for period in periods[1:]]


def test_a_rollback_to_a_given_version_requires_a_former_champion(
    database: Database, stream: StreamRecord
) -> None:
    with pytest.raises(BadData, match=r"version 4 was never the champion .* `tfstream models promote 4"):
        promote.roll_back(database, stream, 4, by="anna", reason=None)
    with pytest.raises(BadData, match="version 3 is the champion of"):
        promote.roll_back(database, stream, 3, by="anna", reason=None)
    for missing in (9, 0):
        with pytest.raises(BadData, match=f"no model version {missing}"):
            promote.roll_back(database, stream, missing, by="anna", reason=None)
    assert promote.roll_back(database, stream, 1, by="anna", reason=None).version == 1
    forced = promote.promote(database, stream, 3, "bert")
    assert forced.had_been_rejected is not None
    assert forced.had_been_rejected.startswith("rolled back to version 1")


def test_a_version_that_does_not_fit_the_stream_is_not_promoted(
    database: Database, stream: StreamRecord
) -> None:
    changed = stream._replace(definition=stream.definition.with_sensors((*examples.SENSORS, "speed")))
    with pytest.raises(ConfigurationError, match=r"version 2 does not fit .*only the stream has speed"):
        promote.roll_back(database, changed, None, by="anna", reason=None)
    with pytest.raises(ConfigurationError, match=r"version 4 does not fit .*only the stream has speed"):
        promote.promote(database, changed, 4, "anna")
    with database.begin() as connection:
        assert models.champion_version(connection, stream.id) == 3
        assert len(champion_history.periods(connection, stream.id)) == 3


def test_a_refit_that_gives_the_same_bytes_as_a_rolled_back_version_is_rejected(database: Database) -> None:
    """Each refit learns from nearly the same readings: a version that was rolled back must not return."""
    definition = StreamDefinition(topic="again", sensors=("a", "b"), interval_us=examples.MINUTE_US)
    values = np.random.default_rng(1).normal(size=(300, 2)).astype(np.float32)
    with database.begin() as connection:
        stream = streams.add(connection, definition)
        readings.write(connection, stream.id, ["x"] * 300, examples.times(*range(300)), values)
    results = [refit(database, stream, seed) for seed in (0, 1)]
    assert [result.outcome for result in results] == ["promoted", "promoted"]
    promote.roll_back(database, stream, None, by="anna", reason=None)
    again = refit(database, stream, 1)
    assert (again.version, again.outcome) == (3, "rejected")
    assert again.reason is not None
    assert again.reason.startswith("the same, byte for byte, as version 2: rolled back to version 1")
    with database.begin() as connection:
        assert models.champion_version(connection, stream.id) == 1
    assert refit(database, stream, 2).outcome == "promoted"


def refit(database: Database, stream: StreamRecord, seed: int) -> train.TrainingResult:
    options = TrainingOptions(seed=seed, gate=False, config=short_training.CONFIG)
    return train.train(database, stream, options, lambda stage, done: None)


@pytest.mark.kafka
def test_running_scorers_follow_a_promotion_and_a_rollback(plant: Plant, trained_topic: str) -> None:
    tfstream, topic = plant.tfstream, trained_topic
    with closing(Database(tfstream.database_url)) as database, database.begin() as connection:
        stream_id = streams.get(connection, topic).id
        first = models.load(connection, stream_id, 1)
        examples.save_model(connection, stream_id, first.bundle)
    with (
        tfstream.running("score", "--topic", topic, "--commit-interval", COMMIT) as scorer,
        flowing_readings(tfstream.bootstrap, topic),
    ):
        wait_until(lambda: versions(tfstream.bootstrap, topic)[-1:] == [1], "scores of version 1", scorer)
        tfstream.run("models", "promote", "2", "--topic", topic)
        wait_until(lambda: versions(tfstream.bootstrap, topic)[-1:] == [2], "scores of version 2", scorer)
        rollback = tfstream.run("models", "rollback", "--topic", topic, "--reason", "drill", "--json")
        undone_at = ends_of(tfstream.bootstrap, f"{topic}.state")
        wait_until(lambda: versions(tfstream.bootstrap, topic)[-1:] == [1], "version 1 again", scorer)
    assert json.loads(rollback.stdout)["version"] == 1
    since = [head for head in heads(tfstream.bootstrap, topic) if head.offset >= undone_at[head.partition]]
    later_versions = [head.body["model_version"] for head in since]
    assert later_versions.count(2) <= MOST_COMMITS
    assert later_versions == sorted(later_versions, reverse=True)  # version 2 does not return
    history = json.loads(tfstream.run("models", "history", "--topic", topic, "--json").stdout)
    assert [(period["version"], period["how"], period["reason"]) for period in history] == [
        (1, "rollback", "drill"),
        (2, "promote", None),
        (1, "refit", None),
    ]


def versions(bootstrap: str, topic: str) -> list[int]:
    """The model version of every score of the asset with new readings, in order."""
    scores = read_committed(bootstrap, f"{topic}.scores", SHORT_FETCH)
    return [score.body["model_version"] for score in scores if score.key == FLOWING]


def heads(bootstrap: str, topic: str) -> list[TopicMessage]:
    """The head of every commit in the state topic: it holds the version of the model."""
    return [
        record
        for record in read_committed(bootstrap, f"{topic}.state", SHORT_FETCH)
        if record.key == HEAD_KEY
    ]


def ends_of(bootstrap: str, topic: str) -> dict[int, int]:
    """The next offset of every partition."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "test.end"})
    try:
        numbers = consumer.list_topics(topic, timeout=10.0).topics[topic].partitions
        return {
            number: consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=10.0)[1]
            for number in numbers
        }
    finally:
        consumer.close()


@contextmanager
def flowing_readings(bootstrap: str, topic: str) -> Iterator[None]:
    """Send readings of a normal asset during the block: the rows of a hop every 20 ms."""
    done = threading.Event()
    flow = threading.Thread(target=_produce, args=(bootstrap, topic, done), daemon=True)
    flow.start()
    try:
        yield
    finally:
        done.set()
        flow.join(30.0)


def _produce(bootstrap: str, topic: str, done: threading.Event) -> None:
    producer = Producer({"bootstrap.servers": bootstrap})
    rng = np.random.default_rng(5)
    second = int(datetime(2026, 1, 6, tzinfo=UTC).timestamp())
    while not done.wait(0.02):
        for _ in range(8):
            slow, fast = np.sin(second / 17), np.cos(second / 5)
            cells = np.array([slow + fast, slow - 0.5 * fast, 2 * fast, slow]) + 0.1 * rng.normal(size=4)
            reading = {"ts": second, "asset": FLOWING.decode()} | dict(
                zip(SENSORS, cells.tolist(), strict=True)
            )
            producer.produce(topic, json.dumps(reading).encode(), FLOWING)
            second += 1
        producer.poll(0)
    producer.flush(10.0)
