"""SIGTERM while the broker does not answer: the process ends in time and writes nothing incomplete."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest

from tests.conftest import Broker
from tests.integration.support.commands import wait_until
from tests.integration.support.forked_command import ForkedCommand
from tests.integration.support.plants import Plant
from tests.integration.support.suspended_process import suspended
from tests.integration.support.topic_reader import read_committed
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


def suspended_broker(kafka: Broker) -> AbstractContextManager[None]:
    """Suspend the broker during the block."""
    if kafka.server is None:
        pytest.skip("needs a broker of its own")
    return suspended(kafka.server.pid)


@contextmanager
def terminated(parent: ForkedCommand) -> Iterator[None]:
    """Terminate the parent after the block, and wait: killed at once, it would leave its workers behind."""
    try:
        yield
    finally:
        if parent.poll() is None:
            parent.terminate()
            parent.wait(60)


def messages_read(port: int, process: str) -> float:
    """Number of messages that the process has read."""
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
        wait_until(lambda: messages_read(port, "score") == 700, "all messages were read", scorer)
        with suspended_broker(kafka):
            started = time.monotonic()
            scorer.send_signal(signal.SIGTERM)
            output, _ = scorer.communicate(timeout=60)
            elapsed_s = time.monotonic() - started
    assert scorer.returncode == 4, output
    assert f"could not be finished in {DRAIN_S:g} s" in output
    assert "Traceback" not in output
    assert elapsed_s < DRAIN_S + MARGIN_S
    assert read_committed(tfstream.bootstrap, f"{trained_topic}.scores") == []
    tfstream.run("score", "--topic", trained_topic, "--until-end")
    assert len(read_committed(tfstream.bootstrap, f"{trained_topic}.scores")) == 80


@pytest.mark.parametrize("command", ["record", "sink"])
def test_a_recorder_and_a_sink_end_in_time(
    kafka: Broker, plant: Plant, trained_topic: str, command: str
) -> None:
    tfstream, port = plant.tfstream, free_port()
    tfstream.run("score", "--topic", trained_topic, "--until-end", "--no-sink")
    arguments = (command, "--topic", trained_topic, "--drain-timeout", f"{DRAIN_S:g}s")
    with tfstream.running(*arguments, "--metrics-port", str(port)) as process:
        wait_until(lambda: messages_read(port, command) >= 80, "all messages were read", process)
        with suspended_broker(kafka):
            started = time.monotonic()
            process.send_signal(signal.SIGTERM)
            output, _ = process.communicate(timeout=60)
            elapsed_s = time.monotonic() - started
    assert process.returncode in (0, 4), output
    assert "Traceback" not in output
    assert elapsed_s < DRAIN_S + MARGIN_S


def test_the_parent_waits_for_the_drain_timeout_of_its_workers(
    kafka: Broker, plant: Plant, trained_topic: str
) -> None:
    tfstream, port = plant.tfstream, free_port(consecutive=2)
    arguments = (
        "score",
        "--topic",
        trained_topic,
        "--commit-interval",
        "1h",
        "--drain-timeout",
        f"{DRAIN_S:g}s",
    )
    workers = ("--workers", "2", "--metrics-port", str(port))
    with tfstream.running(*arguments, *workers) as parent, terminated(parent):
        wait_until(
            lambda: messages_read(port, "score") + messages_read(port + 1, "score") == 700,
            "all messages were read",
            parent,
        )
        with suspended_broker(kafka):
            parent.send_signal(signal.SIGTERM)
            output, _ = parent.communicate(timeout=60)
    assert parent.returncode == 4, output
    assert "ended with exit code 4" in output
    assert "is killed" not in output


def test_the_workers_of_a_killed_parent_finish_their_work(plant: Plant, trained_topic: str) -> None:
    tfstream, port = plant.tfstream, free_port(consecutive=2)
    arguments = ("score", "--topic", trained_topic, "--commit-interval", "1h", "--workers", "2")
    with tfstream.running(*arguments, "--metrics-port", str(port)) as parent:
        wait_until(
            lambda: messages_read(port, "score") + messages_read(port + 1, "score") == 700,
            "all messages were read",
            parent,
        )
        parent.kill()
        # returns when the workers, which share the output, have ended
        output, _ = parent.communicate(timeout=60)
    assert output.count("stopping: finishing the work in progress") == 2
    assert "could not be finished" not in output
    # the workers left the group at once: a commit may have been rolled back
    tfstream.run("score", "--topic", trained_topic, "--until-end")
    assert len(read_committed(tfstream.bootstrap, f"{trained_topic}.scores")) == 80, output
