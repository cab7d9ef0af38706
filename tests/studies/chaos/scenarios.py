"""Faults that change the result by design, each with its own promise."""

from __future__ import annotations

import json
import signal
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from confluent_kafka import TopicPartition

from tests.studies.chaos import kafka_records, reference
from tests.studies.chaos.chaos_run import ChaosSettings, create_topics, running_processes
from tests.studies.chaos.chaos_services import LATENESS_ROWS, MODEL, ChaosServices
from tests.studies.chaos.comparison import wait_until_processed
from tests.studies.chaos.fault_plan import SCORERS
from tests.studies.chaos.fault_runner import Log
from tests.studies.chaos.kafka_records import OutputRecord
from tests.studies.chaos.reading_producer import ReadingProducer
from tests.studies.chaos.reading_rounds import START_S
from tests.studies.chaos.rescored_log import rescore_log
from tests.studies.chaos.waiting import wait_for
from tfstream.core.messages.anomaly_event import from_iso
from tfstream.streaming.connection.client import new_admin

_WINDOW_ROWS, _STALE_ROWS = 64, 5
_TWO_SCORERS = SCORERS[:2]
HopKey = tuple[str, str]  # asset, time of the hop


@dataclass(frozen=True, kw_only=True, slots=True)
class ScenarioResult:
    """The number of checked records, and how the promise was broken, if it was."""

    name: str
    promise: str
    records: int
    broken: tuple[str, ...]


def log_start(services: ChaosServices, seed: int, log: Log) -> ScenarioResult:
    """Retention deletes records that open windows still need."""
    topic, before, after = "truncated.sensors", 200, 200
    log("scenario: the rewind offset is below the log's start")
    services.define_stream(topic)
    producer = _fill(services.broker.bootstrap, topic, seed, before)
    _score(services, topic)
    _delete_scored_records(services, topic)
    producer.send_rounds(after)
    _score(services, topic)
    _fill(services.undisturbed_bootstrap, topic, seed, before + after)
    services.undisturbed_commands.run("score", "--topic", topic, "--until-end", "--no-sink")
    expected = _scores(kafka_records.read_all(services.undisturbed_bootstrap, [f"{topic}.scores"]))
    actual = _scores(kafka_records.read_all(services.broker.bootstrap, [f"{topic}.scores"]))
    return ScenarioResult(
        name="rewind offset below the log's start",
        promise="scores written before stay unchanged, no hop is scored twice, windows fill up again, "
        "and from then on every hop has a score",
        records=sum(len(bodies) for bodies in actual.values()),
        broken=tuple(_broken_by_log_start(expected, actual, START_S + before)),
    )


def _broken_by_log_start(
    expected: dict[HopKey, list[Any]], actual: dict[HopKey, list[Any]], cut_s: int
) -> list[str]:
    last_before = (cut_s - LATENESS_ROWS) * 1_000_000
    refilled = (cut_s + _WINDOW_ROWS + _STALE_ROWS) * 1_000_000
    broken = [f"{hop} has {len(bodies)} scores" for hop, bodies in actual.items() if len(bodies) > 1]
    broken += [f"{hop} has an unexpected score" for hop in actual.keys() - expected.keys()]
    for hop, bodies in expected.items():
        time_us = from_iso(hop[1])
        if time_us <= last_before and actual.get(hop) != bodies:
            broken.append(f"{hop} was scored before, and its score has changed")
        if time_us >= refilled and hop not in actual:
            broken.append(f"{hop} has no score though its window was full again")
    return broken


def model_swap(services: ChaosServices, seed: int, log: Log) -> ScenarioResult:
    """A new champion replaces the old one between two commits, in each scorer at another moment."""
    topic = "swapped.sensors"
    log("scenario: a model is promoted while scorers are killed")
    services.commands.run("train", "--topic", MODEL, "--seed", "1", "--no-promote", "--no-gate")
    create_topics(services, topic)
    settings = ChaosSettings(topic=topic, seed=seed, scorers=_TWO_SCORERS)
    with running_processes(services, settings) as supervisor:
        with ReadingProducer(services.broker.bootstrap, topic, seed, rounds_per_s=30.0):
            supervisor.wait_until_ready(_TWO_SCORERS)
            _wait_for_version(services, topic, 1)
            supervisor[_TWO_SCORERS[0]].send(signal.SIGKILL)
            services.commands.run("models", "promote", "2", "--topic", topic)
            supervisor[_TWO_SCORERS[1]].send(signal.SIGKILL)
            _wait_for_version(services, topic, 2)
            supervisor[_TWO_SCORERS[0]].send(signal.SIGKILL)
        final, late = wait_until_processed(services, topic, supervisor)
    written = [record for record in final if not record.topic.endswith(".dead-letters")]
    expected = rescore_log(services, topic, _versions(written))
    actual = Counter((record.key, record.value) for record in written)
    return ScenarioResult(
        name="model swapped while scorers are killed",
        promise="every hop has one score, and each record equals what the model that it names computes from "
        "the log",
        records=len(written),
        broken=(*late, *_unequal(expected, actual)),
    )


def _unequal(expected: Counter[Any], actual: Counter[Any]) -> list[str]:
    missing, unexpected = expected - actual, actual - expected
    return [f"missing: {record!r}" for record in missing] + [
        f"not expected: {record!r}" for record in unexpected
    ]


SCENARIOS: tuple[Callable[[ChaosServices, int, Log], ScenarioResult], ...] = (log_start, model_swap)


def _fill(bootstrap: str, topic: str, seed: int, rounds: int) -> ReadingProducer:
    reference.create_source_topic(bootstrap, topic)
    producer = ReadingProducer(bootstrap, topic, seed, rounds_per_s=1.0)
    producer.send_rounds(rounds)
    return producer


def _score(services: ChaosServices, topic: str) -> None:
    services.commands.run("score", "--topic", topic, "--until-end", "--no-sink")


def _delete_scored_records(services: ChaosServices, topic: str) -> None:
    bootstrap = services.broker.bootstrap
    committed = kafka_records.committed_offsets(bootstrap, topic, f"tfstream.score.{topic}")
    ends = [TopicPartition(topic, number, partition.offset) for number, partition in committed.items()]
    admin = new_admin({"bootstrap.servers": bootstrap})  # it must live until the deletions are done
    for deletion in admin.delete_records(ends).values():
        deletion.result(30.0)


def _scores(records: list[OutputRecord]) -> dict[HopKey, list[Any]]:
    """All scores that were written, by hop."""
    scores: dict[HopKey, list[Any]] = {}
    for record in records:
        body = json.loads(record.value or b"{}")
        scores.setdefault((body["asset"], body["ts"]), []).append(body)
    return scores


def _versions(records: list[OutputRecord]) -> dict[HopKey, int]:
    """The model version that scored each hop; a hop that was scored twice fails the comparison later."""
    scores = _scores([record for record in records if record.topic.endswith(".scores")])
    return {hop: bodies[0]["model_version"] for hop, bodies in scores.items()}


def _wait_for_version(services: ChaosServices, topic: str, version: int) -> None:
    def written() -> bool:
        records = kafka_records.read_all(services.broker.bootstrap, [f"{topic}.scores"])
        return version in _versions(records).values()

    wait_for(written, f"scores by model version {version}", 120.0)
