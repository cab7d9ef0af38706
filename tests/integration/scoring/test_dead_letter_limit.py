"""A broken producer stops its partition, after any number of restarts; after a correction nothing is lost."""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack
from pathlib import Path

import pytest
from confluent_kafka import Producer

from tests.integration.support.commands import Tfstream, wait_until
from tests.integration.support.plants import Plant, write_plant
from tests.integration.support.stream_copy import copy_stream
from tests.integration.support.topic_reader import TopicMessage, read_committed
from tests.scrape import idle_reason, scrape
from tfstream.embedded.process import free_port
from tfstream.streaming.topics import ensure_topic

ROWS, WINDOWS = 3000, 368  # a window of 64 rows every 8 rows
LIMIT, SHORT = 1000, 20
AHEAD = ("--max-ahead", "5000w")  # accepts timestamps of the year 2100

pytestmark = [pytest.mark.postgres, pytest.mark.kafka, pytest.mark.slow]


@pytest.fixture(scope="module")
def deployed(plant: Plant) -> Path:
    """Readings of a faulty producer version: its clock is wrong by decades."""
    path = plant.normal.with_name("deployed.csv")
    return write_plant(path, rows=ROWS, start="2100-01-05T00:00:00Z")


def dead_letters(plant: Plant, topic: str) -> list[TopicMessage]:
    """All dead letters of the topic."""
    return read_committed(plant.tfstream.bootstrap, f"{topic}.dead-letters")


def scores(plant: Plant, topic: str) -> list[tuple[str, str, float]]:
    """Asset, time and value of each score, sorted."""
    bodies = [message.body for message in read_committed(plant.tfstream.bootstrap, f"{topic}.scores")]
    return sorted((body["asset"], body["ts"], body["score"]) for body in bodies)


def test_a_scorer_stops_at_the_limit_and_goes_on_after_the_correction(
    plant: Plant, trained_topic: str, deployed: Path
) -> None:
    tfstream = plant.tfstream
    tfstream.run("score", "--topic", trained_topic, "--until-end")
    tfstream.run("replay", deployed, "--topic", trained_topic, "--asset", "deployed")
    options = ("--commit-interval", "50ms", "--dead-letter-share", "off")
    arguments = ("score", "--topic", trained_topic, "--until-end", *options)
    for _ in range(4):  # a supervisor restarts it
        errors = tfstream.run(*arguments, exit_code=5).stderr
        assert f"more than {LIMIT} messages in a row cannot be read" in errors
        assert f"tfstream streams set {trained_topic}" in errors
        assert "Traceback" not in errors
        assert len(dead_letters(plant, trained_topic)) == LIMIT

    tfstream.run("streams", "set", trained_topic, *AHEAD)
    tfstream.run(*arguments)
    assert len(dead_letters(plant, trained_topic)) == LIMIT
    held_back = ROWS - LIMIT
    assert Counter(asset for asset, _, _ in scores(plant, trained_topic)) == {
        "faulty": 80,
        "deployed": (held_back - 64) // 8 + 1,
    }


def send_broken(plant: Plant, topic: str, partition: int) -> None:
    """Send more broken messages to a partition than the limit SHORT."""
    producer = Producer({"bootstrap.servers": plant.tfstream.bootstrap})
    for _ in range(SHORT + 10):
        producer.produce(topic, b"{", partition=partition)
    assert producer.flush(20.0) == 0


def test_a_partition_at_the_limit_stops_no_other_partition(plant: Plant, trained_topic: str) -> None:
    """Neither in its own process nor in processes that share the topic later, also after a restart."""
    tfstream, ports = plant.tfstream, [free_port() for _ in range(3)]
    (good,) = {message.partition for message in read_committed(tfstream.bootstrap, trained_topic)}
    broken = (good + 1) % 3
    send_broken(plant, trained_topic, broken)
    limited = ("score", "--topic", trained_topic, "--dead-letter-run", str(SHORT))

    def scrape_all(metric: str, **labels: str) -> list[float]:
        return [value for port in ports for value in scrape(port, metric, process="score", **labels)]

    def at_the_limit() -> list[float]:
        """The metric of each process that has the broken partition."""
        return scrape_all("tfstream_at_dead_letter_limit", partition=str(broken))

    def check_other_partition(day: str) -> None:
        """Replay readings of that day; they must be scored to the last."""
        more = write_plant(plant.normal.with_name("more.csv"), rows=200, start=f"{day}T00:00:00Z")
        tfstream.run("replay", more, "--topic", trained_topic, "--asset", "faulty")
        wait_until(
            lambda: f"{day}T00:03:20Z" in [ts for _, ts, _ in scores(plant, trained_topic)],
            "the last score of the other partition",
        )

    with ExitStack() as stack:
        processes = []
        for number, port in enumerate(ports):
            arguments = (*limited, "--slot", f"{number}", "--metrics-port", str(port))
            processes.append(stack.enter_context(tfstream.running(*arguments)))
            if number == 0:
                wait_until(lambda: at_the_limit() == [1.0], "the limit", processes[0])
                check_other_partition("2026-01-07")
                assert idle_reason(ports[0]) == "dead-letter-limit"
        wait_until(
            lambda: scrape_all("tfstream_assigned_partitions") == [1.0, 1.0, 1.0], "a partition for each"
        )
        wait_until(lambda: at_the_limit() == [1.0], "the limit, in the process that has the partition now")
        check_other_partition("2026-01-08")
        assert [process.poll() for process in processes] == [None, None, None]
        report = tfstream.run("check", "--topic", trained_topic, exit_code=5).stdout
        assert f"partition {broken} at offset {SHORT}, and nothing from there on is scored" in report
        for process in processes:
            process.terminate()
        assert [process.wait(60) for process in processes] == [0, 0, 0]

    tfstream.run(*limited, "--until-end", exit_code=5)
    assert len(dead_letters(plant, trained_topic)) == SHORT
    tfstream.run("score", "--topic", trained_topic, "--until-end", "--dead-letter-run", "off")
    assert len(dead_letters(plant, trained_topic)) == SHORT + 10
    tfstream.run("check", "--topic", trained_topic)
    tfstream.run("check", "--topic", trained_topic, "--strict", exit_code=1)  # dead letters are a warning


def test_a_scorer_ends_when_its_only_partition_is_at_the_limit(
    plant: Plant, template_stream: str, topic: str
) -> None:
    tfstream = plant.tfstream
    ensure_topic({"bootstrap.servers": tfstream.bootstrap}, topic, 1)
    copy_stream(tfstream.database_url, template_stream, topic)
    send_broken(plant, topic, 0)
    errors = tfstream.run("score", "--topic", topic, "--dead-letter-run", str(SHORT), exit_code=5).stderr
    assert f"more than {SHORT} messages in a row cannot be read" in errors


def test_held_back_readings_get_the_scores_of_an_undisturbed_scorer(
    plant: Plant, trained_topic: str, template_stream: str, deployed: Path
) -> None:
    """The scores equal those of a topic without the first message, the only dead letter."""
    tfstream, control = plant.tfstream, f"{trained_topic}.control"
    copy_stream(tfstream.database_url, template_stream, control)
    tfstream.run("streams", "set", control, *AHEAD)
    lines = deployed.read_text().splitlines(keepends=True)
    without_first = deployed.with_name("without-first.csv")
    without_first.write_text("".join([lines[0], *lines[2:]]))
    tfstream.run("replay", deployed, "--topic", trained_topic, "--asset", "deployed")
    tfstream.run("replay", plant.faulty, "--topic", control)
    tfstream.run("replay", without_first, "--topic", control, "--asset", "deployed")
    for _ in range(2):
        tfstream.run("score", "--topic", trained_topic, "--until-end", "--dead-letter-run", "1", exit_code=5)
    tfstream.run("streams", "set", trained_topic, *AHEAD)
    tfstream.run("score", "--topic", trained_topic, "--until-end")
    tfstream.run("score", "--topic", control, "--until-end")
    assert len(dead_letters(plant, trained_topic)) == 1
    expected = scores(plant, control)
    assert len(expected) == 80 + WINDOWS - 1
    assert scores(plant, trained_topic) == expected


def test_without_limits_all_broken_messages_become_dead_letters(
    plant: Plant, trained_topic: str, deployed: Path
) -> None:
    tfstream = plant.tfstream
    tfstream.run("replay", deployed, "--topic", trained_topic, "--asset", "deployed")
    off = ("--dead-letter-run", "off", "--dead-letter-share", "off")
    tfstream.run("score", "--topic", trained_topic, "--until-end", "--workers", "2", *off)
    assert len(dead_letters(plant, trained_topic)) == ROWS
    refused = tfstream.run("score", "--topic", trained_topic, "--dead-letter-share", "2", exit_code=2)
    assert "'off'" in refused.stderr


def test_the_command_ends_with_the_exit_code_of_its_worker(
    plant: Plant, trained_topic: str, deployed: Path
) -> None:
    """Workers set by TFSTREAM_WORKERS must not start workers of their own from the same variable."""
    plant.tfstream.run("replay", deployed, "--topic", trained_topic, "--asset", "deployed")
    two_workers = Tfstream(plant.tfstream.database_url, plant.tfstream.bootstrap, TFSTREAM_WORKERS="2")
    two_workers.run("score", "--topic", trained_topic, "--until-end", exit_code=5)
