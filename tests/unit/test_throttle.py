"""Log lines that repeat in an outage are written once, then counted."""

from __future__ import annotations

import logging

import pytest

from tfstream.throttle import Throttle


def test_a_repeated_line_is_logged_every_half_minute(caplog: pytest.LogCaptureFixture) -> None:
    now = [0.0]
    log = logging.getLogger("tfstream.kafka.test")
    log.addFilter(Throttle(30.0, lambda: now[0]))
    for second in range(65):  # as confluent-kafka hands them over: facility, client, text
        now[0] = float(second)
        log.warning("%s [%s] %s", "FAIL", "tfstream#consumer-1", f"refused after {second} ms")
        log.warning("%s [%s] %s", "FAIL", "tfstream#producer-2", f"refused after {second} ms")
        log.warning("consuming %s: %s", "t", "no broker")
        if second < 2:
            log.warning("lost partitions %s", [second])
    assert caplog.messages == [
        "FAIL [tfstream#consumer-1] refused after 0 ms",
        "consuming t: no broker",
        "lost partitions [0]",
        "lost partitions [1]",
        "FAIL [tfstream#consumer-1] refused after 30 ms (and 59 more like it before)",
        "consuming t: no broker (and 29 more like it before)",
        "FAIL [tfstream#consumer-1] refused after 60 ms (and 59 more like it before)",
        "consuming t: no broker (and 29 more like it before)",
    ]
