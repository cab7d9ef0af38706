"""``tfstream demo`` without Kafka and PostgreSQL."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from tests.integration.support.commands import FullTrainingTfstream
from tests.studies.quality.demo_jobs import compare_offline
from tfstream.demo.run import DemoOptions

pytestmark = [pytest.mark.slow, pytest.mark.postgres]

TRAINING_DAYS = 2


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> subprocess.CompletedProcess[str]:
    command = FullTrainingTfstream("", "", KAFKA_HOME="")
    folder = tmp_path_factory.mktemp("demo")
    return command.run("demo", "--training-days", str(TRAINING_DAYS), "--output", folder, "--json")


def test_the_demo_detects_most_faults_and_draws_their_episodes(
    process: subprocess.CompletedProcess[str],
) -> None:
    summary = json.loads(process.stdout)
    assert "librdkafka's mock cluster" in process.stderr
    assert "exactly-once delivery holds on Apache Kafka only" in process.stderr
    assert summary["messages"] == 3 * 1440
    assert len(summary["faults"]) == 8
    assert summary["found"] == sum(fault["found"] for fault in summary["faults"]) >= 4
    assert len(summary["false_alarms"]) <= 4
    page = Path(summary["report"]).read_text(encoding="utf-8")
    assert page.count("<svg") >= 3 + summary["found"]
    assert not re.search(r"""(src|href)=["'](?!#)""", page), "the report must not refer to another file"


def test_the_study_without_services_finds_what_the_demo_finds(
    process: subprocess.CompletedProcess[str],
) -> None:
    summary = json.loads(process.stdout)
    offline = compare_offline(DemoOptions(training_days=TRAINING_DAYS))
    assert [(outcome.delay_us, outcome.rank) for outcome in offline.outcomes] == [
        (fault["delay_us"], fault["rank"]) for fault in summary["faults"]
    ]
    raised = [alarm["raised_us"] for alarm in summary["false_alarms"]]
    assert [alarm.raised_us for alarm in offline.false_alarms] == raised
