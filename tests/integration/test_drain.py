"""SIGTERM with a broker that does not answer: the process ends in time, and nothing is written by halves."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest

from tests.conftest import Broker
from tests.integration.commands import wait_until
from tests.integration.forked_command import ForkedCommand
from tests.integration.plants import Plant
from tests.integration.suspended_process import suspended
from tests.integration.topic_reader import read_committed
from tests.scrape import scrape
from tfstream.embedded.process import free_port

DRAIN_S, MARGIN_S = 4.0, 3.0

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


def frozen_broker(kafka: Broker) -> AbstractContextManager[None]:
    if kafka.server is None:
        pytest.skip("needs a broker of its own")
    return suspended(kafka.server.pid)


@contextmanager
def told_to_end(parent: ForkedCommand) -> Iterator[None]:
    """Killed at once it would leave its workers behind."""
    try:
        yield
    finally:
        if parent.poll() is None:
            parent.terminate()
            parent.wait(60)


def read(port: int, process: str) -> float:
    return sum(scrape(port, "tfstream_messages_total", process=process))


def test_a_scorer_that_cannot_commit_ends_in_time(kafka: Broker, plant: Plant, trained_topic: str) -> None:
    tfstream, port = plant.tfstream, free_port()
    arguments = (
        "score",
        "--topic",
        trained_topic,
        "--commit-interval",
        "1h",
        "--drain-timeout",
        f"{DRAIN_S:g}s",
    )
    with tfstream.running(*arguments, "--metrics-port", str(port)) as scorer:
        wait_until(lambda: read(port, "score") == 700, "everything in hand", scorer)
        with frozen_broker(kafka):
            began = time.monotonic()
            scorer.send_signal(signal.SIGTERM)
            said, _ = scorer.communicate(timeout=60)
            took = time.monotonic() - began
    assert scorer.returncode == 4, said
    assert f"could not be finished in {DRAIN_S:g} s" in said
    assert "Traceback" not in said
    assert took < DRAIN_S + MARGIN_S
    assert read_committed(tfstream.bootstrap, f"{trained_topic}.scores") == []
    tfstream.run("score", "--topic", trained_topic, "--until-end")
    assert len(read_committed(tfstream.bootstrap, f"{trained_topic}.scores")) == 80


@pytest.mark.parametrize("command", ["record", "sink"])
def test_what_only_reads_ends_in_time(kafka: Broker, plant: Plant, trained_topic: str, command: str) -> None:
    tfstream, port = plant.tfstream, free_port()
    tfstream.run("score", "--topic", trained_topic, "--until-end", "--no-sink")
    arguments = (command, "--topic", trained_topic, "--drain-timeout", f"{DRAIN_S:g}s")
    with tfstream.running(*arguments, "--metrics-port", str(port)) as process:
        wait_until(lambda: read(port, command) >= 80, "everything", process)
        with frozen_broker(kafka):
            began = time.monotonic()
            process.send_signal(signal.SIGTERM)
            said, _ = process.communicate(timeout=60)
            took = time.monotonic() - began
    assert process.returncode in (0, 4), said
    assert "Traceback" not in said
    assert took < DRAIN_S + MARGIN_S


def test_workers_are_given_their_time_and_a_little_more(
    kafka: Broker, plant: Plant, trained_topic: str
) -> None:
    tfstream, port = plant.tfstream, free_port()
    arguments = (
        "score",
        "--topic",
        trained_topic,
        "--commit-interval",
        "1h",
        "--drain-timeout",
        f"{DRAIN_S:g}s",
    )
    more = ("--workers", "2", "--metrics-port", str(port))
    with tfstream.running(*arguments, *more) as parent, told_to_end(parent):
        wait_until(lambda: read(port, "score") + read(port + 1, "score") == 700, "all in hand", parent)
        with frozen_broker(kafka):
            parent.send_signal(signal.SIGTERM)
            said, _ = parent.communicate(timeout=60)
    assert parent.returncode == 4, said
    assert "ended with exit code 4" in said
    assert "is killed" not in said


def test_workers_of_a_killed_parent_drain(plant: Plant, trained_topic: str) -> None:
    tfstream, port = plant.tfstream, free_port()
    arguments = ("score", "--topic", trained_topic, "--commit-interval", "1h", "--workers", "2")
    with tfstream.running(*arguments, "--metrics-port", str(port)) as parent:
        wait_until(lambda: read(port, "score") + read(port + 1, "score") == 700, "all in hand", parent)
        parent.kill()
        said, _ = parent.communicate(timeout=60)  # the workers write there, too: until they have ended
    assert said.count("stopping: finishing the work in progress") == 2
    assert "could not be finished" not in said
    tfstream.run(
        "score", "--topic", trained_topic, "--until-end"
    )  # what two that left at once may have rolled back
    assert len(read_committed(tfstream.bootstrap, f"{trained_topic}.scores")) == 80, said
