"""``tfstream demo`` without Kafka and PostgreSQL."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.integration.support.commands import FullTrainingTfstream

pytestmark = [pytest.mark.slow, pytest.mark.postgres]


def test_the_demo_detects_most_faults_and_draws_their_episodes(tmp_path: Path) -> None:
    command = FullTrainingTfstream("", "", KAFKA_HOME="")
    process = command.run("demo", "--training-days", "2", "--output", tmp_path, "--json")
    summary = json.loads(process.stdout)
    assert "librdkafka's mock cluster" in process.stderr
    assert "exactly-once delivery holds on Apache Kafka only" in process.stderr
    assert summary["messages"] == 3 * 1440
    assert len(summary["faults"]) == 8
    assert summary["found"] >= 4
    assert len(summary["false_alarms"]) <= 4
    page = Path(summary["report"]).read_text(encoding="utf-8")
    assert page.count("<svg") >= 3 + summary["found"]
    assert not re.search(r"""(src|href)=["'](?!#)""", page), "the report must not refer to another file"
