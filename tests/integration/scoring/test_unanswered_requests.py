"""A broker that answers no request to create topics or describe groups, as librdkafka's mock cluster."""

from __future__ import annotations

import pytest

from tests.conftest import Broker, temporary_database
from tests.integration.support.commands import Tfstream
from tests.integration.support.stream_copy import copy_stream
from tfstream.errors import ServiceUnavailable, UnsupportedRequest
from tfstream.streaming.consumer.group import describe_group
from tfstream.streaming.topics import ensure_partitions, ensure_topic, partition_count


@pytest.fixture
def unanswering(mock_kafka: Broker) -> dict[str, str]:
    """The properties of a user who does not know that the broker answers no admin request."""
    return {"bootstrap.servers": mock_kafka.bootstrap}


@pytest.mark.slow
def test_a_topic_that_the_broker_creates_by_itself_is_used(
    unanswering: dict[str, str], topic: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert ensure_topic(unanswering, topic, 4, {"cleanup.policy": "compact"})
    assert partition_count(unanswering, topic) == 4
    assert f"it has {topic} now" in caplog.text
    assert "4 partitions, cleanup.policy=compact" in caplog.text
    assert not ensure_topic(unanswering, topic, 4)


@pytest.mark.slow
def test_a_topic_that_nobody_creates_is_an_error_that_names_the_topic(
    unanswering: dict[str, str], topic: str
) -> None:
    forbidden = {**unanswering, "allow.auto.create.topics": "false"}
    with pytest.raises(ServiceUnavailable, match=f"topic {topic} does not exist, .* does not answer"):
        ensure_topic(forbidden, topic, 4)


@pytest.mark.slow
def test_partitions_that_cannot_be_added_are_an_error_that_names_both_numbers(
    mock_kafka: Broker, unanswering: dict[str, str], topic: str
) -> None:
    ensure_topic(mock_kafka.properties, topic, 4)
    with pytest.raises(ServiceUnavailable, match=f"topic {topic} has 4 partitions and needs 5"):
        ensure_partitions(unanswering, topic, 5)


def test_a_group_that_the_broker_cannot_describe_is_an_error_at_once(unanswering: dict[str, str]) -> None:
    with pytest.raises(UnsupportedRequest, match="does not support a request"):
        describe_group(unanswering, "some.group")


@pytest.mark.postgres
@pytest.mark.slow
def test_the_scorers_are_unknown_to_check_which_succeeds(
    mock_kafka: Broker, topic: str, plant_template: str, postgres_url: str, template_stream: str
) -> None:
    for url in temporary_database(postgres_url, plant_template):
        copy_stream(url, template_stream, topic)
        ensure_topic(mock_kafka.properties, topic, 4)
        checked = Tfstream(url, mock_kafka.bootstrap).run("check", "--topic", topic).stdout
        assert "scorers" in checked
        assert "unknown: Kafka at" in checked
        assert "failed" not in checked
