"""Static members: a restart within the session timeout moves no partition, and changes no output."""

from __future__ import annotations

import signal
from contextlib import ExitStack

import pytest

from tests.integration.support.commands import Tfstream, wait_until
from tests.integration.support.forked_command import ForkedCommand
from tests.integration.support.plants import Plant, write_plant
from tests.integration.support.topic_reader import committed_offsets, read_committed
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


def count_partitions(port: int) -> int:
    return int(sum(scrape(port, "tfstream_assigned_partitions", process="score")))


def committed(tfstream: Tfstream, topic: str) -> int:
    offsets = committed_offsets(tfstream.bootstrap, topic, f"tfstream.score.{topic}")
    return sum(max(offset, 0) for offset in offsets.values())


def end(process: ForkedCommand) -> str:
    """Send SIGTERM, require exit code 0, and return the rest of the output."""
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 0, output
    return output


def test_a_restart_moves_no_partition(plant: Plant, trained_topic: str, tfstream: Tfstream) -> None:
    for number in range(3):
        tfstream.run("replay", plant.faulty, "--topic", trained_topic, "--asset", f"asset-{number}")
    first, second, again = free_port(), free_port(), free_port()
    with ExitStack() as stack:
        before = stack.enter_context(tfstream.running(*arguments(trained_topic, "first", first)))
        wait_until(lambda: count_partitions(first) == 3, "all partitions", before)
        neighbour = stack.enter_context(tfstream.running(*arguments(trained_topic, "second", second)))
        wait_until(
            lambda: count_partitions(second) > 0 and count_partitions(first) + count_partitions(second) == 3,
            "a share",
            neighbour,
        )
        first_count = count_partitions(first)
        wait_until(lambda: committed(tfstream, trained_topic) == 4 * 700, "all", neighbour)
        end(before)
        more = write_plant(plant.normal.with_name("static.csv"), rows=60, start="2026-01-06T00:11:40Z")
        for number in range(3):
            tfstream.run("replay", more, "--topic", trained_topic, "--asset", f"asset-{number}")
        with tfstream.running(*arguments(trained_topic, "first", again)) as after:
            wait_until(lambda: count_partitions(again) == first_count, "the same partitions", after)
            wait_until(lambda: committed(tfstream, trained_topic) == 4 * 700 + 3 * 60, "the rest", after)
            end(after)
        output, _, _ = end(neighbour).partition("stopping:")
    assert output.count(f"{trained_topic}: assigned partitions") == 1, output
    assert "revoked partitions" not in output, output
    assert "lost partitions" not in output
    by_asset: dict[str, list[tuple[str, float]]] = {}
    for score in read_committed(tfstream.bootstrap, f"{trained_topic}.scores"):
        by_asset.setdefault(score.body["asset"], []).append((score.body["ts"], score.body["score"]))
    own = by_asset.pop("faulty")
    assert len(own) == 80
    first_asset, *others = by_asset.values()  # the same readings, the same scores
    assert len(first_asset) == 88
    assert others == [first_asset] * 2
    assert first_asset[:80] == own


def test_of_two_processes_with_the_same_slot_the_older_ends(
    plant: Plant, trained_topic: str, tfstream: Tfstream
) -> None:
    older_port, younger_port = free_port(), free_port()
    with tfstream.running(*arguments(trained_topic, "same", older_port)) as older:
        wait_until(lambda: committed(tfstream, trained_topic) == 700, "the first commit", older)
        with tfstream.running(*arguments(trained_topic, "same", younger_port)) as younger:
            output, _ = older.communicate(timeout=60)
            assert older.returncode == 1, output
            assert "another process took over" in output
            assert "--slot" in output
            assert "Traceback" not in output
            wait_until(lambda: count_partitions(younger_port) == 3, "its partitions", younger)
            tfstream.run("replay", plant.faulty, "--topic", trained_topic, "--asset", "later")
            wait_until(
                lambda: committed(tfstream, trained_topic) == 1400, "the younger process's commits", younger
            )
            end(younger)
    assert len(read_committed(tfstream.bootstrap, f"{trained_topic}.scores")) == 160
