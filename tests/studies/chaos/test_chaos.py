"""The short form: one fault of each kind, the control, and the faults that change the result by design.

`make chaos` is the long form; :mod:`tests.studies.chaos.chaos_run` describes both.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator

import pytest

from tests.studies.chaos.chaos_run import ChaosSettings, run_chaos
from tests.studies.chaos.chaos_services import ChaosServices
from tests.studies.chaos.control import run_control
from tests.studies.chaos.fault_plan import COMMIT_STEPS, INPUTS, plan_faults, plan_one_round
from tests.studies.chaos.fault_runner import Log
from tests.studies.chaos.input_faults import INPUT_FAULTS
from tests.studies.chaos.scenarios import SCENARIOS, ScenarioResult
from tfstream.embedded import kafka

SEED = 1

pytestmark = [pytest.mark.postgres, pytest.mark.kafka, pytest.mark.chaos, pytest.mark.slow]


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChaosServices]:
    """Services for this suite only: the faults would disturb other tests."""
    home = kafka.find_kafka_home()
    if home is None:
        if os.environ.get("TFSTREAM_REQUIRE_KAFKA"):
            pytest.fail("TFSTREAM_REQUIRE_KAFKA is set and there is no Apache Kafka: set KAFKA_HOME")
        pytest.skip("needs Apache Kafka")
    with ChaosServices(home, tmp_path_factory.mktemp("chaos")) as started:
        yield started


def log(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def test_no_fault_changes_the_records_and_rows(services: ChaosServices) -> None:
    faults = plan_one_round(SEED)
    result = run_chaos(services, faults, ChaosSettings(seed=SEED, pause_divisor=3.0), log)
    assert not result.broken
    assert not result.comparison.lines
    assert result.comparison.passed
    by_copy = result.comparison.differences.values()
    assert all(differences.expected for by_name in by_copy for differences in by_name.values())
    assert set(result.applied) == {fault.kind for fault in faults}


def test_without_the_rewind_offset_the_comparison_fails(services: ChaosServices) -> None:
    """The control. Even here no record is duplicated: windows are incomplete, but transactions are whole."""
    result = run_control(services, SEED, log)
    assert not result.comparison.passed
    for copy, name in (("concurrent reader", "scores"), ("final reader", "scores"), ("SQL", "score")):
        differences = result.comparison.differences[copy][name]
        assert differences.missing or differences.wrong
        assert not differences.duplicated


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
def test_a_fault_that_changes_the_result_keeps_its_promise(
    services: ChaosServices, scenario: Callable[[ChaosServices, int, Log], ScenarioResult]
) -> None:
    result = scenario(services, SEED, log)
    assert result.records
    assert not result.broken


def test_the_seed_decides_the_plan() -> None:
    """The same seed gives the same plan; every round of a plan has one fault of each kind."""
    faults = [fault for fault, _ in zip(plan_faults(7), range(200), strict=False)]
    assert faults == [fault for fault, _ in zip(plan_faults(7), range(200), strict=False)]
    assert faults != [fault for fault, _ in zip(plan_faults(8), range(200), strict=False)]
    kinds = {fault.kind for fault in plan_one_round(7)}
    assert len(plan_one_round(7)) == len(kinds)
    assert {fault.kind for fault in faults[len(kinds) : 2 * len(kinds)]} == kinds
    assert {f"kill {step}" for step in COMMIT_STEPS} | {f"input: {kind}" for kind in INPUT_FAULTS} <= kinds
    assert set(INPUT_FAULTS) == set(INPUTS)
