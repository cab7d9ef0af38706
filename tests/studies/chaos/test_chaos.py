"""The short form: every kind of fault once, the control, and the faults that change the result by design.

`make chaos` is the long form; what both do is in :mod:`tests.studies.chaos.show`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator

import pytest

from tests.studies.chaos.control import control
from tests.studies.chaos.plan import COMMIT_STEPS, INPUTS, first_round, plan
from tests.studies.chaos.scenarios import SCENARIOS, Finding
from tests.studies.chaos.show import Say, Settings, perform
from tests.studies.chaos.stage import Stage
from tests.studies.chaos.strange import EFFECTS
from tfstream.embedded import kafka

SEED = 1

pytestmark = [pytest.mark.postgres, pytest.mark.kafka, pytest.mark.chaos, pytest.mark.slow]


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Services of the suite's own: others would not like what is done to them."""
    home = kafka.find_kafka_home()
    if home is None:
        if os.environ.get("TFSTREAM_REQUIRE_KAFKA"):
            pytest.fail("TFSTREAM_REQUIRE_KAFKA is set and there is no Apache Kafka: set KAFKA_HOME")
        pytest.skip("needs Apache Kafka")
    with Stage(home, tmp_path_factory.mktemp("chaos")) as found:
        yield found


def say(words: str) -> None:
    print(words, file=sys.stderr, flush=True)


def test_no_fault_changes_what_readers_and_sql_hold(stage: Stage) -> None:
    told = perform(stage, first_round(SEED), Settings(seed=SEED, haste=3.0), say)
    assert not told.broken
    assert not told.verdict.words
    assert told.verdict.passed
    assert all(one.expected for held in told.verdict.differences.values() for one in held.values())
    assert set(told.done) == {fault.kind for fault in first_round(SEED)}


def test_without_the_rewind_offset_the_check_fails(stage: Stage) -> None:
    """The control. Nothing is written twice even then: windows are cut off, transactions are whole."""
    told = control(stage, SEED, say)
    assert not told.verdict.passed
    for holder, topic in (("concurrent reader", "scores"), ("final reader", "scores"), ("SQL", "score")):
        found = told.verdict.differences[holder][topic]
        assert found.missing or found.wrong
        assert not found.duplicated


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
def test_what_changes_the_result_keeps_its_promise(
    stage: Stage, scenario: Callable[[Stage, int, Say], Finding]
) -> None:
    finding = scenario(stage, SEED, say)
    assert finding.records
    assert not finding.broken


def test_a_plan_is_its_seeds() -> None:
    """The same seed gives the same plan, which goes on with other rounds, each with every kind."""
    found = [fault for fault, _ in zip(plan(7), range(200), strict=False)]
    assert found == [fault for fault, _ in zip(plan(7), range(200), strict=False)]
    assert found != [fault for fault, _ in zip(plan(8), range(200), strict=False)]
    kinds = {fault.kind for fault in first_round(7)}
    assert len(first_round(7)) == len(kinds)
    assert {fault.kind for fault in found[len(kinds) : 2 * len(kinds)]} == kinds
    assert {f"kill {step}" for step in COMMIT_STEPS} | {f"input: {kind}" for kind in EFFECTS} <= kinds
    assert set(EFFECTS) == set(INPUTS)
