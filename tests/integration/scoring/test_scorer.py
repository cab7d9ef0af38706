"""The scorer as a process: waiting for a model, changing models, ending, sharing partitions."""

from __future__ import annotations

import json
import signal

import pytest

from tests.integration.support.commands import Tfstream, wait_until
from tests.integration.support.forked_command import ForkedCommand
from tests.integration.support.in_process_scorer import score
from tests.integration.support.plants import SENSORS, Plant, write_plant
from tests.integration.support.topic_reader import committed_offsets, read_committed
from tfstream.streaming.topics import partition_count

FAULT_BEGINS, FAULT_ENDS = "2026-01-06T00:08:20Z", "2026-01-06T00:09:20Z"

pytestmark = [pytest.mark.postgres, pytest.mark.kafka, pytest.mark.slow]


def test_a_scorer_waits_for_a_model_and_changes_models_without_a_restart(plant: Plant, topic: str) -> None:
    tfstream = plant.tfstream
    tfstream.run("load", plant.normal, "--topic", topic)
    tfstream.run("replay", plant.faulty, "--topic", topic)
    with tfstream.running("score", "--topic", topic, "--commit-interval", "100ms") as scorer:
        wait_until(
            lambda: partition_count({"bootstrap.servers": tfstream.bootstrap}, f"{topic}.scores") is not None,
            "topics",
            scorer,
        )
        tfstream.run("train", "--topic", topic, "--no-gate")
        wait_until(lambda: versions(tfstream, topic) == {1}, "scores of the first model", scorer)
        tfstream.run("train", "--topic", topic, "--seed", "1", "--no-gate")
        later = write_plant(plant.normal.with_name("later.csv"), rows=200, start="2026-01-06T00:11:40Z")
        number = 0
        while (
            versions(tfstream, topic) != {1, 2} and number < 20
        ):  # the scorer checks for a model now and then
            number += 1
            tfstream.run("replay", later, "--topic", topic, "--asset", f"later-{number}")
        assert versions(tfstream, topic) == {1, 2}
        output = end(scorer, signal.SIGTERM)
    assert "has no model yet; run `tfstream train" in output
    assert "scoring" in output
    assert "now scoring with model version 2" in output
    assert "0 dead letters" in output


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_scorer_with_a_summary(
    plant: Plant, trained_topic: str, number: signal.Signals
) -> None:
    with plant.tfstream.running("score", "--topic", trained_topic, "--commit-interval", "100ms") as scorer:
        wait_until(lambda: committed(plant.tfstream, trained_topic) == 700, "the commit", scorer)
        output = end(scorer, number)
    assert "700 messages, 80 windows scored" in output


def test_the_scorer_commits_when_it_ends(plant: Plant, trained_topic: str) -> None:
    """The commit interval is an hour, so only the end can have committed."""
    score(plant.tfstream, trained_topic, lambda progress: progress.records == 700, commit_interval_s=3600.0)
    assert committed(plant.tfstream, trained_topic) == 700
    assert len(read_committed(plant.tfstream.bootstrap, f"{trained_topic}.scores")) == 80


def test_the_older_of_two_processes_with_the_same_slot_ends(plant: Plant, trained_topic: str) -> None:
    """The broker fences it: it logs the reason, and writes no score that the younger process writes, too."""
    tfstream = plant.tfstream
    arguments = ("score", "--topic", trained_topic, "--slot", "same", "--commit-interval", "100ms")
    with tfstream.running(*arguments) as older:
        wait_until(lambda: committed(tfstream, trained_topic) == 700, "the first commit", older)
        with tfstream.running(*arguments) as younger:
            read_until(younger, "scoring", trained_topic)
            more = write_plant(plant.normal.with_name("more.csv"), rows=120, start="2026-01-07T00:00:00Z")
            for asset in (
                "a",
                "b",
                "c",
                "d",
                "e",
                "f",
            ):  # to all partitions, one of which the older process has
                tfstream.run("replay", more, "--topic", trained_topic, "--asset", asset)
            output, _ = older.communicate(timeout=60)
            wait_until(
                lambda: committed(tfstream, trained_topic) == 700 + 6 * 120,
                "the younger process's commits",
                younger,
            )
    assert older.returncode == 1
    assert "another process took over the transactional id" in output
    assert "Give each process its own --slot" in output
    scores = [message.body for message in read_committed(tfstream.bootstrap, f"{trained_topic}.scores")]
    assert len({(score["asset"], score["ts"]) for score in scores}) == len(scores)


def test_two_workers_give_every_asset_the_same_scores(plant: Plant, trained_topic: str) -> None:
    tfstream = plant.tfstream
    for number in range(4):
        tfstream.run("replay", plant.faulty, "--topic", trained_topic, "--asset", f"asset-{number}")
    tfstream.run("score", "--topic", trained_topic, "--workers", "2", "--until-end")
    scores = [message.body for message in read_committed(tfstream.bootstrap, f"{trained_topic}.scores")]
    by_asset: dict[str, list[tuple[str, float]]] = {}
    for scored in scores:
        by_asset.setdefault(scored["asset"], []).append((scored["ts"], scored["score"]))
    assert len(by_asset) == 5
    own = by_asset.pop("faulty")
    for asset, asset_scores in by_asset.items():
        assert asset_scores == own, asset  # the same readings under another name


def test_a_model_that_does_not_fit_is_refused(plant: Plant, trained_topic: str) -> None:
    tfstream = plant.tfstream
    tfstream.run("streams", "set", trained_topic, "--sensors", ",".join([*SENSORS, "speed"]))
    output = tfstream.run("score", "--topic", trained_topic, "--until-end", exit_code=3).stderr
    assert "model version 1 does not fit" in output
    assert "only the stream has speed" in output
    assert "Traceback" not in output


def test_a_fault_is_reported_with_its_sensor_on_the_topic_and_by_the_commands(
    plant: Plant, trained_topic: str
) -> None:
    """The event on the topic, `anomalies list` and `anomalies show`."""
    tfstream = plant.tfstream
    tfstream.run("score", "--topic", trained_topic, "--until-end")
    listed = json.loads(tfstream.run("anomalies", "list", "--topic", trained_topic, "--json").stdout)
    fault = next(
        anomaly
        for anomaly in listed
        if anomaly["started_at"] <= FAULT_ENDS and (anomaly["ended_at"] or FAULT_ENDS) >= FAULT_BEGINS
    )
    assert fault["kind"] in ("process", "instrument")
    assert fault["sensors"][0]["name"] == "level"
    assert abs(fault["sensors"][0]["actual"] - fault["sensors"][0]["expected"]) > 0.5
    shown = tfstream.run("anomalies", "show", fault["id"][:8]).stdout
    assert "level" in shown
    opened = next(
        event.body
        for event in read_committed(tfstream.bootstrap, f"{trained_topic}.anomalies")
        if event.body["anomaly_id"] == fault["id"]
    )
    assert opened["event"] == "opened"
    assert opened["topic"] == trained_topic
    assert (opened["witness"], opened["witnesses"]) == ("score", ["score"])
    assert (fault["witness"], fault["witnesses"]) == ("score", ["score"])
    scores = [message.body for message in read_committed(tfstream.bootstrap, f"{trained_topic}.scores")]
    over = [score for score in scores if score["score"] >= score["threshold"]]
    below = [score for score in scores if score["score"] < score["threshold"]]
    assert {score["witness"] for score in scores} == {"score"}
    rarest_below = min(score["expected_per_week"] for score in below)
    assert max(score["expected_per_week"] for score in over) <= rarest_below


def versions(tfstream: Tfstream, topic: str) -> set[int]:
    """The model versions of all scores so far."""
    return {score.body["model_version"] for score in read_committed(tfstream.bootstrap, f"{topic}.scores")}


def committed(tfstream: Tfstream, topic: str) -> int:
    offsets = committed_offsets(tfstream.bootstrap, topic, f"tfstream.score.{topic}")
    return sum(max(offset, 0) for offset in offsets.values())


def read_until(process: ForkedCommand, *words: str) -> None:
    """Read lines of a process up to the first line that has all the words."""
    assert process.stdout is not None
    for line in process.stdout:
        if all(word in line for word in words):
            return
    raise AssertionError(f"the process ended with {process.wait()} and printed no line with {words}")


def end(process: ForkedCommand, number: signal.Signals) -> str:
    """Send a signal, require exit code 0, and return the rest of the output."""
    process.send_signal(number)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 0, output
    return output
