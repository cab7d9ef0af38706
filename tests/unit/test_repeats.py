"""Of a flood of equal lines one stays, with the number of the others."""

from __future__ import annotations

import logging

from tfstream.streaming.repeats import Repeats


def test_one_of_a_kind_in_a_while_and_the_number_of_the_others() -> None:
    now = 0.0
    limit = Repeats(every_s=30.0, clock=lambda: now)

    def passed(message: str) -> str | None:
        record = logging.LogRecord("kafka", logging.ERROR, "", 0, "%s", (message,), None)
        return record.getMessage() if limit.filter(record) else None

    assert passed("FAIL broker 1: refused") == "FAIL broker 1: refused"
    assert passed("FAIL broker 2: refused") is None
    assert passed("REQTMOUT broker 1") == "REQTMOUT broker 1"
    now = 29.9
    assert passed("FAIL broker 1: refused") is None
    now = 30.0
    assert passed("FAIL broker 1: refused") == "FAIL broker 1: refused (2 more like it left out)"
    now = 60.0
    assert passed("FAIL broker 1: refused") == "FAIL broker 1: refused"
