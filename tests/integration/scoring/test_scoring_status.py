"""A scorer that does not score gives the reason: in its log, as a metric, and in `tfstream check`."""

from __future__ import annotations

import json
import signal
from contextlib import ExitStack

import psycopg
import pytest
from confluent_kafka import Producer

from tests.conftest import Broker
from tests.integration.support.commands import Tfstream, wait_until
from tests.integration.support.forked_command import ForkedCommand
from tests.integration.support.plants import Plant, write_plant
from tests.integration.support.stream_copy import copy_models, copy_stream
from tests.integration.support.suspended_process import suspended
from tests.integration.support.topic_reader import committed_offsets
from tests.scrape import idle_reason, scrape
from tfstream.embedded.process import free_port
from tfstream.streaming.topics import ensure_topic

pytestmark = [pytest.mark.postgres, pytest.mark.kafka, pytest.mark.slow]


@pytest.fixture
def kafka(own_kafka: Broker) -> Broker:
    """A broker that these tests may disturb."""
    return own_kafka


@pytest.fixture
def plant(own_plant: Plant) -> Plant:
    return own_plant


@pytest.fixture
def trained_topic(own_trained_topic: str) -> str:
    return own_trained_topic


def check_result(tfstream: Tfstream, topic: str, name: str) -> dict[str, str]:
    """The result with that name, whatever the exit code of `tfstream check`."""
    process = tfstream.start("check", "--topic", topic, "--json")
    results = json.loads(process.communicate(timeout=60)[0])
    result: dict[str, str] = next(result for result in results if result["name"].endswith(f": {name}"))
    return result


def end(process: ForkedCommand) -> str:
    """Send SIGTERM, require exit code 0, and return the rest of the output."""
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 0, output
    return output


def send(plant: Plant, topic: str, rows: int, asset: str, start: str = "2026-01-06T00:00:00Z") -> None:
    path = write_plant(plant.normal.with_name(f"{topic}-{asset}.csv"), rows=rows, start=start)
    plant.tfstream.run("replay", path, "--topic", topic, "--asset", asset)


def test_a_scorer_gives_the_reason_why_it_does_not_score(
    plant: Plant, template_stream: str, topic: str
) -> None:
    tfstream, port, spare = plant.tfstream, free_port(), free_port()
    ensure_topic({"bootstrap.servers": tfstream.bootstrap}, topic, 1)
    copy_stream(tfstream.database_url, template_stream, topic)
    with psycopg.connect(tfstream.database_url) as connection:
        connection.execute(
            "DELETE FROM model WHERE stream_id = (SELECT id FROM stream WHERE topic = %s)", (topic,)
        )
    score = ("score", "--topic", topic, "--commit-interval", "100ms")
    with ExitStack() as stack:
        scorer = stack.enter_context(tfstream.running(*score, "--metrics-port", str(port)))
        wait_until(lambda: idle_reason(port) == "no-model", "no model", scorer)
        assert check_scorers(tfstream, topic) == "no scorer is running"
        copy_models(tfstream.database_url, template_stream, topic)
        wait_until(lambda: idle_reason(port) == "windows-filling", "an empty window", scorer)

        send(plant, topic, 30, "first")
        wait_until(lambda: scrape(port, "tfstream_messages_total", process="score") == [30.0], "rows", scorer)
        wait_until(lambda: idle_reason(port) == "windows-filling", "half a window", scorer)
        send(plant, topic, 200, "second")
        wait_until(lambda: idle_reason(port) is None, "windows", scorer)
        wait_until(
            lambda: scrape(port, "tfstream_windows_scored_total", process="score") == [18.0], "scores", scorer
        )
        wait_until(
            lambda: scrape(port, "tfstream_lag_messages", process="score", partition="0") == [0.0], "the end"
        )
        assert scrape(port, "tfstream_commits_total", process="score")[0] >= 1
        assert scrape(port, "tfstream_assigned_partitions", process="score") == [1.0]
        wait_until(
            lambda: (
                sum(scrape(port, "tfstream_messages_total", process="sink", topic=f"{topic}.scores")) == 18
            ),
            "SQL",
            scorer,
        )

        arguments = (*score, "--slot", "spare", "--metrics-port", str(spare))
        second = stack.enter_context(tfstream.running(*arguments))
        wait_until(lambda: idle_reason(spare) == "no-partitions", "a spare scorer", second)
        wait_until(
            lambda: "1 of 2 scorers without a partition" in check_scorers(tfstream, topic), "check", second
        )
        assert "no partition is assigned" in end(second)
        wait_until(lambda: check_scorers(tfstream, topic) == "1 scorer at work", "it has left", scorer)

        output = end(scorer)
    for words in (
        f"not scoring: stream {topic} has no model yet",
        "not scoring: the fullest window has 0 of 64 rows of 1 s",
        f"{topic}: scoring windows, after",
    ):
        assert words in output
    stale = check_result(tfstream, topic, "freshness")
    assert stale["state"] == "warning"
    assert "does `tfstream score` run" in stale["remedy"]


def committed(kafka: Broker, topic: str) -> int:
    offsets = committed_offsets(kafka.bootstrap, topic, f"tfstream.score.{topic}")
    return sum(max(offset, 0) for offset in offsets.values())


def check_scorers(tfstream: Tfstream, topic: str) -> str:
    return check_result(tfstream, topic, "scorers")["detail"]


def test_readings_without_a_sensor_of_the_model_are_a_reason(plant: Plant, trained_topic: str) -> None:
    """The producer has renamed all sensors: rows arrive, without a value of a known sensor."""
    tfstream, port = plant.tfstream, free_port()
    producer = Producer({"bootstrap.servers": tfstream.bootstrap})
    for second in range(200):
        body = {"ts": 1_767_700_000 + second, "asset": "renamed", "LEVEL": 1.0}
        producer.produce(trained_topic, json.dumps(body).encode(), b"renamed", 0)
    producer.flush(20.0)
    tfstream.run("score", "--topic", trained_topic, "--until-end")
    with tfstream.running("score", "--topic", trained_topic, "--metrics-port", str(port)) as scorer:
        for second in range(200, 300):
            body = {"ts": 1_767_700_000 + second, "asset": "renamed", "LEVEL": 1.0}
            producer.produce(trained_topic, json.dumps(body).encode(), b"renamed", 0)
        producer.flush(20.0)
        wait_until(lambda: idle_reason(port) == "no-known-sensor", "unknown sensors", scorer)


def test_an_unreachable_broker_is_the_reason(kafka: Broker, plant: Plant, trained_topic: str) -> None:
    if kafka.server is None:
        pytest.skip("needs a broker of its own")
    tfstream, port = plant.tfstream, free_port()
    arguments = ("score", "--topic", trained_topic, "--commit-interval", "100ms", "--metrics-port", str(port))
    with tfstream.running(*arguments) as scorer:
        wait_until(
            lambda: committed(kafka, trained_topic) == 700,
            "the commit",
            scorer,
        )
        wait_until(lambda: idle_reason(port) is None, "scores", scorer)
        kafka.server.kill()
        try:
            wait_until(lambda: idle_reason(port) == "broker-unreachable", "the outage", scorer)
        finally:
            kafka.server.start()
        wait_until(lambda: idle_reason(port) is None, "it is back", scorer)
        assert "not scoring: Kafka cannot be reached" in end(scorer)


def test_a_broker_that_hangs_is_the_reason(kafka: Broker, plant: Plant, trained_topic: str) -> None:
    """Its connections stay open: the session ends and the partitions are lost, which is not the reason."""
    if kafka.server is None:
        pytest.skip("needs a broker of its own")
    tfstream, port = plant.tfstream, free_port()
    with tfstream.running("score", "--topic", trained_topic, "--metrics-port", str(port)) as scorer:
        wait_until(lambda: committed(kafka, trained_topic) == 700, "the commit", scorer)
        with suspended(kafka.server.pid):
            wait_until(
                lambda: scrape(port, "tfstream_assigned_partitions", process="score") == [0.0],
                "the session's end",
                scorer,
            )
            wait_until(lambda: idle_reason(port) == "broker-unreachable", "the hang", scorer, timeout_s=10.0)
        wait_until(
            lambda: scrape(port, "tfstream_assigned_partitions", process="score") == [3.0], "it is back"
        )


def test_a_restart_logs_how_full_the_windows_are_and_counts_only_new_messages(
    kafka: Broker, plant: Plant, trained_topic: str
) -> None:
    tfstream = plant.tfstream
    tfstream.run("score", "--topic", trained_topic, "--until-end")
    with tfstream.running("score", "--topic", trained_topic) as scorer:
        assert scorer.stdout is not None
        output = ""
        while "rows of 1 s" not in output and "scoring windows" not in output:
            output += scorer.stdout.readline()
        send(plant, trained_topic, 10, "faulty", start="2026-01-06T00:11:40Z")
        wait_until(lambda: committed(kafka, trained_topic) == 710, "the commit", scorer)
        output += end(scorer)
    assert " 0 of 64 rows" not in output
    assert "10 messages, " in output


def test_every_line_of_stderr_is_json_with_log_format_json(plant: Plant, trained_topic: str) -> None:
    """The summary, errors, tracebacks and the lines of workers included."""
    tfstream = plant.tfstream
    for arguments, exit_code, last in (
        (("score", "--topic", trained_topic, "--until-end"), 0, "700 messages, 80 windows scored"),
        (
            ("record", "--topic", trained_topic, "--until-end"),
            0,
            "700 messages processed, 0 of them unreadable",
        ),
        (("score", "--topic", "nowhere"), 3, "nowhere"),
        (("score", "--topic", "nowhere", "--workers", "2"), 3, "ended with exit code 3"),
        (("--debug", "score", "--topic", "nowhere"), 3, "nowhere"),
    ):
        done = tfstream.run("--log-format", "json", *arguments, exit_code=exit_code)
        lines = [json.loads(line) for line in done.stderr.splitlines()]
        assert last in lines[-1]["message"]
        assert lines[-1]["level"] == ("error" if exit_code else "info")
        assert ("Traceback" in lines[-1].get("exception", "")) == ("--debug" in arguments)


def test_check_counts_dead_letters_and_quotes_the_last(plant: Plant, trained_topic: str) -> None:
    tfstream = plant.tfstream
    assert check_result(tfstream, trained_topic, "dead letters")["detail"] == "none"
    producer = Producer({"bootstrap.servers": tfstream.bootstrap})
    for value in (b"{", b'{"asset": "x"}'):
        producer.produce(trained_topic, value, b"x", 0)
        producer.flush(20.0)
    tfstream.run("score", "--topic", trained_topic, "--until-end")
    letters = check_result(tfstream, trained_topic, "dead letters")
    assert letters["state"] == "warning"
    assert "in the last 24 hours, the last" in letters["detail"]
    assert "no time" in letters["detail"]
