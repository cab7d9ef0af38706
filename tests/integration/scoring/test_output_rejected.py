"""A scorer whose output topic rejects messages ends and names the topic; it does not retry for ever."""

from __future__ import annotations

import pytest

from tests.integration.support.plants import Plant
from tests.integration.support.topic_reader import committed_offsets, read_committed
from tfstream.streaming.topics import ensure_topic

pytestmark = [pytest.mark.postgres, pytest.mark.kafka, pytest.mark.slow]


@pytest.mark.parametrize("output", ["scores", "state"])
def test_a_topic_that_rejects_messages_is_named(plant: Plant, trained_topic: str, output: str) -> None:
    bootstrap = {"bootstrap.servers": plant.tfstream.bootstrap}
    partitions = len(committed_offsets(plant.tfstream.bootstrap, trained_topic, "unknown"))
    ensure_topic(bootstrap, f"{trained_topic}.{output}", partitions, {"max.message.bytes": "100"})
    errors = plant.tfstream.run(
        "score", "--topic", trained_topic, "--until-end", "--no-sink", exit_code=1
    ).stderr
    assert f"topic {trained_topic}.{output} refuses what is written to it" in errors
    assert "Traceback" not in errors
    assert "defect" not in errors
    assert not read_committed(plant.tfstream.bootstrap, f"{trained_topic}.anomalies")
    group = committed_offsets(plant.tfstream.bootstrap, trained_topic, f"tfstream.score.{trained_topic}")
    assert (
        sum(max(offset, 0) for offset in group.values()) < 700
    )  # without a commit the messages are read again
