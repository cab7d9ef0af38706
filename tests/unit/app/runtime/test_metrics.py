"""A scrape reads the newest samples; the alert rules and the documents name existing metrics."""

from __future__ import annotations

import re
from urllib.request import urlopen

import pytest

from tests.scrape import scrape
from tests.unit.test_house import ROOT
from tfstream.app.runtime import metrics
from tfstream.app.runtime.metrics import METRICS, MetricBoard, Sample
from tfstream.app.runtime.scoring_status import IdleReason
from tfstream.embedded.process import free_port
from tfstream.errors import ConfigurationError
from tfstream.telemetry import metrics_server


def test_a_scrape_reads_the_newest_samples() -> None:
    board, port = MetricBoard(), free_port()
    with metrics_server(board.read, port, "127.0.0.1"):
        board.publish("a", [Sample(metrics.MESSAGES, ("score", "t"), 3)])
        board.publish("b", [Sample(metrics.MESSAGES, ("sink", "t.scores"), 1)])
        board.publish("lag", [Sample(metrics.LAG, ("score", "t", str(p)), p) for p in range(3)])
        assert scrape(port, "tfstream_lag_messages", partition="2") == [2.0]
        board.publish("a", [Sample(metrics.MESSAGES, ("score", "t"), 5)])
        board.publish("lag", [Sample(metrics.LAG, ("score", "t", "1"), 7)])
        assert scrape(port, "tfstream_messages_total", process="score") == [5.0]
        assert scrape(port, "tfstream_messages_total") == [5.0, 1.0]
        assert scrape(port, "tfstream_lag_messages") == [7.0]
        with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
            text = answer.read().decode()
        assert "# TYPE tfstream_messages_total counter" in text
        assert "process_resident_memory_bytes" in text


def test_a_port_in_use_is_a_wrong_setting() -> None:
    port = free_port()
    with (
        metrics_server(MetricBoard().read, port, "127.0.0.1"),
        pytest.raises(ConfigurationError, match="--metrics-port"),
        metrics_server(MetricBoard().read, port, "127.0.0.1"),
    ):
        pass


def test_port_zero_serves_nothing() -> None:
    with metrics_server(MetricBoard().read, 0, "no such host"):
        pass


def test_the_documents_explain_every_reason() -> None:
    text = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
    for reason in IdleReason:
        assert f"| `{reason}` |" in text, reason


def test_the_alert_rules_use_existing_metrics() -> None:
    rules = (ROOT / "ops/prometheus/tfstream.rules.yaml").read_text(encoding="utf-8")
    used = set(re.findall(r"\btfstream_\w+", rules))
    recorded = set(re.findall(r"record: (tfstream:\S+)", rules))
    assert set(re.findall(r"tfstream:[\w:]+", rules)) == recorded
    assert used
    assert used <= {metric.name for metric in METRICS}
    assert set(re.findall(r'reason="([^"]+)"', rules)) <= set(IdleReason)
