"""A few unreadable messages stop nothing; a broken deployment stops the partition at the limit."""

from __future__ import annotations

import math

import pytest

from tfstream.core.messages.dead_letter_limit import (
    HALF_LIFE,
    MIN_SEEN,
    DeadLetterLimit,
    DeadLetterTally,
    unreadable_share,
)
from tfstream.core.state import decode_head


def tally_of(pattern: str, limit: DeadLetterLimit) -> tuple[DeadLetterTally, int | None]:
    """The tally of a log of ``.`` (readable) and ``x``, and the offset at which the limit stopped it."""
    tally = DeadLetterTally()
    for offset, message in enumerate(pattern):
        if message == ".":
            tally.readable += 1
            continue
        after = limit.with_unreadable(tally)
        if limit.excess(after):
            return tally, offset
        tally = after
    return tally, None


def test_a_run_is_broken_by_one_readable_message() -> None:
    limit = DeadLetterLimit(run=3, share=0.0)
    assert tally_of("xxx.xxx.xxx", limit)[1] is None
    assert tally_of("xxx.xxxx", limit)[1] == 7


@pytest.mark.parametrize("rate", [2, 3, 10, 1000])
def test_one_unreadable_message_in_two_is_below_the_share(rate: int) -> None:
    assert tally_of(("." * (rate - 1) + "x") * (20_000 // rate), DeadLetterLimit())[1] is None


def test_a_burst_short_of_the_limit_stops_nothing() -> None:
    assert tally_of("." * 5000 + ("x" * 900 + "." * 5000) * 3, DeadLetterLimit())[1] is None


def test_all_unreadable_stops_after_a_thousand() -> None:
    assert tally_of("." * 50_000 + "x" * 3000, DeadLetterLimit())[1] == 51_000
    assert tally_of("x" * 3000, DeadLetterLimit(share=0.0))[1] == 1000
    assert tally_of("x" * 3000, DeadLetterLimit(run=0))[1] == MIN_SEEN - 1


def test_two_of_three_stop_by_their_share() -> None:
    _, offset = tally_of("." * 50_000 + "xx." * 3000, DeadLetterLimit())
    assert offset is not None
    # the share approaches 2/3 and halves its distance each half-life: it exceeds 3/5 after log2(10) of them
    assert offset == pytest.approx(50_000 + math.log2(10) * HALF_LIFE, abs=10)


def test_the_share_is_that_of_a_steady_stream() -> None:
    tally, _ = tally_of("...x" * 5000, DeadLetterLimit())
    assert unreadable_share(tally) == pytest.approx(0.25, abs=0.001)
    assert unreadable_share(DeadLetterTally()) == 0.0


def test_a_limit_that_was_off_counts_from_zero() -> None:
    tally, _ = tally_of("x" * 3000, DeadLetterLimit(run=0, share=0.0))
    assert (tally.run, tally.seen, tally.weight) == (0, 0, 0.0)


def test_a_head_record_of_an_older_version_names_no_group() -> None:
    head = decode_head(b'{"version":1,"offset":7,"clock_us":5,"model_version":1,"interval_us":10}')
    assert (head.group, head.dead_letters) == ("", DeadLetterTally())
