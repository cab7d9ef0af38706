"""Static members: a restart within the session timeout moves no partition, and changes no output."""

from __future__ import annotations

import signal
from contextlib import ExitStack

import pytest

from tests.integration.commands import Tfstream, wait_until
from tests.integration.forked_command import ForkedCommand
from tests.integration.plants import Plant, write_plant
from tests.integration.topic_reader import committed_offsets, read_committed
from tests.scrape import scrape
from tfstream.embedded.process import free_port

SESSION_MS = "60000"  # longer than a restart on a busy machine

pytestmark = [pytest.mark.postgres, pytest.mark.kafka, pytest.mark.slow]


@pytest.fixture
def tfstream(plant: Plant) -> Tfstream:
    own = plant.tfstream
    return Tfstream(own.database_url, own.bootstrap, TFSTREAM_KAFKA_SESSION_TIMEOUT_MS=SESSION_MS)


def arguments(topic: str, slot: str, port: int) -> tuple[str, ...]:
    own = ("score", "--topic", topic, "--slot", slot, "--static", "--no-sink", "--commit-interval", "100ms")
    return (*own, "--metrics-port", str(port))


def partitions(port: int) -> int:
    return int(sum(scrape(port, "tfstream_assigned_partitions", process="score")))


def committed(tfstream: Tfstream, topic: str) -> int:
    offsets = committed_offsets(tfstream.bootstrap, topic, f"tfstream.score.{topic}")
    return sum(max(offset, 0) for offset in offsets.values())


def ended(process: ForkedCommand) -> str:
    process.send_signal(signal.SIGTERM)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 0, said
    return said


def test_a_restart_moves_no_partition(plant: Plant, trained_topic: str, tfstream: Tfstream) -> None:
    for number in range(3):
        tfstream.run("replay", plant.faulty, "--topic", trained_topic, "--asset", f"asset-{number}")
    first, second, again = free_port(), free_port(), free_port()
    with ExitStack() as stack:
        before = stack.enter_context(tfstream.running(*arguments(trained_topic, "first", first)))
        wait_until(lambda: partitions(first) == 3, "all partitions", before)
        neighbour = stack.enter_context(tfstream.running(*arguments(trained_topic, "second", second)))
        wait_until(
            lambda: partitions(second) > 0 and partitions(first) + partitions(second) == 3,
            "a share",
            neighbour,
        )
        had = partitions(first)
        wait_until(lambda: committed(tfstream, trained_topic) == 4 * 700, "all", neighbour)
        ended(before)
        more = write_plant(plant.normal.with_name("static.csv"), rows=60, start="2026-01-06T00:11:40Z")
        for number in range(3):
            tfstream.run("replay", more, "--topic", trained_topic, "--asset", f"asset-{number}")
        with tfstream.running(*arguments(trained_topic, "first", again)) as after:
            wait_until(lambda: partitions(again) == had, "the same partitions", after)
            wait_until(lambda: committed(tfstream, trained_topic) == 4 * 700 + 3 * 60, "the rest", after)
            ended(after)
        said, _, _ = ended(neighbour).partition("stopping:")
    assert said.count(f"{trained_topic}: assigned partitions") == 1, said
    assert "revoked partitions" not in said, said
    assert "lost partitions" not in said
    by_asset: dict[str, list[tuple[str, float]]] = {}
    for found in read_committed(tfstream.bootstrap, f"{trained_topic}.scores"):
        by_asset.setdefault(found.body["asset"], []).append((found.body["ts"], found.body["score"]))
    own = by_asset.pop("faulty")
    assert len(own) == 80
    first_asset, *others = by_asset.values()  # the same readings, the same scores
    assert len(first_asset) == 88
    assert others == [first_asset] * 2
    assert first_asset[:80] == own


def test_of_two_with_one_name_the_older_ends(plant: Plant, trained_topic: str, tfstream: Tfstream) -> None:
    older_port, younger_port = free_port(), free_port()
    with tfstream.running(*arguments(trained_topic, "one", older_port)) as older:
        wait_until(lambda: committed(tfstream, trained_topic) == 700, "the first commit", older)
        with tfstream.running(*arguments(trained_topic, "one", younger_port)) as younger:
            said, _ = older.communicate(timeout=60)
            assert older.returncode == 1, said
            assert "another process took over" in said
            assert "--slot" in said
            assert "Traceback" not in said
            wait_until(lambda: partitions(younger_port) == 3, "its partitions", younger)
            tfstream.run("replay", plant.faulty, "--topic", trained_topic, "--asset", "later")
            wait_until(
                lambda: committed(tfstream, trained_topic) == 1400, "the younger one's commits", younger
            )
            ended(younger)
    assert len(read_committed(tfstream.bootstrap, f"{trained_topic}.scores")) == 160
