"""``tfstream demo`` as a newcomer runs it: no Kafka, no PostgreSQL, one command."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.integration.commands import Thorough

pytestmark = [pytest.mark.slow, pytest.mark.postgres]


def test_the_demo_finds_most_faults_and_draws_them(tmp_path: Path) -> None:
    alone = Thorough("", "", KAFKA_HOME="")
    done = alone.run("demo", "--training-days", "2", "--output", tmp_path, "--json")
    told = json.loads(done.stdout)
    assert "librdkafka's mock cluster" in done.stderr
    assert "exactly-once delivery holds on Apache Kafka only" in done.stderr
    assert told["messages"] == 3 * 1440
    assert len(told["faults"]) == 8
    assert told["found"] >= 4
    assert len(told["false_alarms"]) <= 4
    page = Path(told["report"]).read_text(encoding="utf-8")
    assert page.count("<svg") >= 3 + told["found"]
    assert not re.search(r"""(src|href)=["'](?!#)""", page), "the report must need nothing but itself"
