"""Faults that change the result by design: each has a promise of its own, and a check of it."""

from __future__ import annotations

import json
import signal
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from confluent_kafka import TopicPartition

from tests.studies.chaos import records, reference
from tests.studies.chaos.feed import Feeder
from tests.studies.chaos.plan import SCORERS
from tests.studies.chaos.records import Held
from tests.studies.chaos.replayed import replayed
from tests.studies.chaos.rounds import START_S
from tests.studies.chaos.show import Say, Settings, company
from tests.studies.chaos.stage import LATENESS_ROWS, MODEL, Stage
from tests.studies.chaos.verdict import settle
from tests.studies.chaos.waiting import wait_for
from tfstream.core.messages.anomaly_event import from_iso
from tfstream.streaming.client import new_admin
from tfstream.streaming.topics import ensure_output_topics

_WINDOW_ROWS, _STALE_ROWS = 64, 5
_TWO = SCORERS[:2]
Identity = tuple[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """Whether a scenario's promise was kept; ``broken`` says how not."""

    name: str
    promise: str
    records: int
    broken: tuple[str, ...]


def log_start(stage: Stage, seed: int, say: Say) -> Finding:
    """Retention takes what open windows still need."""
    topic, before, after = "truncated.sensors", 200, 200
    say("scenario: the rewind offset lies below the log's start")
    stage.define(topic)
    feeder = _filled(stage.broker.bootstrap, topic, seed, before)
    _score(stage, topic)
    _delete_what_is_scored(stage, topic)
    feeder.send_rounds(after)
    _score(stage, topic)
    _filled(stage.quiet_bootstrap, topic, seed, before + after)
    stage.quiet_commands.run("score", "--topic", topic, "--until-end", "--no-sink")
    expected = _scores(records.read_all(stage.quiet_bootstrap, [f"{topic}.scores"]))
    found = _scores(records.read_all(stage.broker.bootstrap, [f"{topic}.scores"]))
    return Finding(
        name="rewind offset below the log's start",
        promise="what was scored before stays as it is, nothing is scored twice, windows fill up again, "
        "and from then on every hop has its score",
        records=sum(len(values) for values in found.values()),
        broken=tuple(_log_start_broken(expected, found, START_S + before)),
    )


def _log_start_broken(
    expected: dict[Identity, list[Any]], found: dict[Identity, list[Any]], cut_s: int
) -> list[str]:
    last_before = (cut_s - LATENESS_ROWS) * 1_000_000
    refilled = (cut_s + _WINDOW_ROWS + _STALE_ROWS) * 1_000_000
    broken = [f"{identity} was scored {len(held)} times" for identity, held in found.items() if len(held) > 1]
    broken += [f"{identity} has a score and should have none" for identity in found.keys() - expected.keys()]
    for identity, wanted in expected.items():
        time_us = from_iso(identity[1])
        if time_us <= last_before and found.get(identity) != wanted:
            broken.append(f"{identity} was scored before, and is not as it was")
        if time_us >= refilled and identity not in found:
            broken.append(f"{identity} has no score though its window was full again")
    return broken


def model_swap(stage: Stage, seed: int, say: Say) -> Finding:
    """A new champion takes over between two commits, in each scorer at a moment of its own."""
    topic = "swapped.sensors"
    say("scenario: a model is put in charge while scorers are killed")
    stage.commands.run("train", "--topic", MODEL, "--seed", "1", "--no-promote", "--no-gate")
    stage.define(topic)
    reference.make_source(stage.broker.bootstrap, topic)
    ensure_output_topics({"bootstrap.servers": stage.broker.bootstrap}, topic)
    settings = Settings(topic=topic, seed=seed, scorers=_TWO)
    with company(stage, settings) as cast:
        with Feeder(stage.broker.bootstrap, topic, seed, rounds_per_s=30.0):
            cast.await_ready(_TWO)
            _await_version(stage, topic, 1)
            cast[_TWO[0]].send(signal.SIGKILL)
            stage.commands.run("models", "promote", "2", "--topic", topic)
            cast[_TWO[1]].send(signal.SIGKILL)
            _await_version(stage, topic, 2)
            cast[_TWO[0]].send(signal.SIGKILL)
        final, late = settle(stage, topic, cast)
    held = [one for one in final if not one.topic.endswith(".dead-letters")]
    expected = replayed(stage, topic, _versions(held))
    return Finding(
        name="model swapped while scorers are killed",
        promise="every hop has one score, and each record is what the model it names makes of the log",
        records=len(held),
        broken=(*late, *_unequal(expected, Counter((one.key, one.value) for one in held))),
    )


def _unequal(expected: Counter[Any], found: Counter[Any]) -> list[str]:
    missing, more = expected - found, found - expected
    return [f"missing: {one!r}" for one in missing] + [f"not expected: {one!r}" for one in more]


SCENARIOS: tuple[Callable[[Stage, int, Say], Finding], ...] = (log_start, model_swap)


def _filled(bootstrap: str, topic: str, seed: int, rounds: int) -> Feeder:
    reference.make_source(bootstrap, topic)
    feeder = Feeder(bootstrap, topic, seed, rounds_per_s=1.0)
    feeder.send_rounds(rounds)
    return feeder


def _score(stage: Stage, topic: str) -> None:
    stage.commands.run("score", "--topic", topic, "--until-end", "--no-sink")


def _delete_what_is_scored(stage: Stage, topic: str) -> None:
    stands = records.committed(stage.broker.bootstrap, topic, f"tfstream.score.{topic}")
    places = [TopicPartition(topic, number, found.offset) for number, found in stands.items()]
    admin = new_admin({"bootstrap.servers": stage.broker.bootstrap})
    for answer in admin.delete_records(places).values():
        answer.result(30.0)


def _scores(held: list[Held]) -> dict[Identity, list[Any]]:
    """All that was written for each asset and hop."""
    found: dict[Identity, list[Any]] = {}
    for one in held:
        body = json.loads(one.value or b"{}")
        found.setdefault((body["asset"], body["ts"]), []).append(body)
    return found


def _versions(held: list[Held]) -> dict[Identity, int]:
    """Which model each asset and hop was scored by; of one that was scored twice, the check will tell."""
    return {
        identity: bodies[0]["model_version"]
        for identity, bodies in _scores([one for one in held if one.topic.endswith(".scores")]).items()
    }


def _await_version(stage: Stage, topic: str, version: int) -> None:
    def seen() -> bool:
        held = records.read_all(stage.broker.bootstrap, [f"{topic}.scores"])
        return version in _versions(held).values()

    wait_for(seen, f"scores by model version {version}", 120.0)
