"""Counts, rates, frequency bands and witnesses in words and units that people use."""

from __future__ import annotations

import pytest

from tfstream.app.runtime.human_units import (
    band_text,
    counted,
    rate_text,
    share_text,
    witness_label,
    witness_text,
)
from tfstream.core.messages.witness import Witness


def test_a_band_is_shown_in_units_that_people_use() -> None:
    values = {"actual": 1.23456, "expected": 0.5}
    assert band_text({"shortest_s": 32.0, "longest_s": None, **values}) == "level 1.235, expected 0.5"
    fast = band_text({"shortest_s": 0.02, "longest_s": 4.57143, **values})
    assert fast == "swings of 20 ms to 4.57 s: 1.235, expected 0.5"
    slow = band_text({"shortest_s": 640.0, "longest_s": 7200.0, **values})
    assert slow == "swings of 10.7 min to 2 h: 1.235, expected 0.5"


def test_an_unknown_band_has_no_text() -> None:
    assert band_text(None) == ""


def test_a_witness_is_shown_in_words_with_its_time_scale() -> None:
    levels = witness_text("levels", 480.0)
    words = "the level of each sensor against what the other sensors predict for it"
    assert levels == f"levels ({words}), over 8 min"
    assert witness_text(Witness.SCORE, None) == "score (all error terms of a window, in one number)"
    assert witness_text(None, None) == "-"
    assert witness_text("instrument", None).startswith("instrument check (each sensor against its own past")
    assert len({witness.words for witness in Witness}) == len(Witness)


def test_the_instrument_check_is_not_called_like_the_kind_of_an_anomaly() -> None:
    labels = {witness: witness_label(witness.value) for witness in Witness}
    assert labels[Witness.INSTRUMENT] == "instrument check"
    assert all(label == witness for witness, label in labels.items() if witness is not Witness.INSTRUMENT)
    assert witness_label(None) == "-"


def test_a_count_of_one_has_a_singular_noun() -> None:
    assert [counted(count, "false alarm") for count in (0, 1, 2)] == [
        "0 false alarms",
        "1 false alarm",
        "2 false alarms",
    ]


@pytest.mark.parametrize(
    ("per_week", "text"),
    [
        (116.3, "116 times a week"),
        (9.96, "10 times a week"),
        (2.5, "2.5 times a week"),
        (1.04, "once a week"),
        (0.98, "once a week"),
        (0.1, "once in 10 weeks"),
        (0.05, "once in 20 weeks"),
        (1 / 52, "once a year"),
        (0.01, "once in 1.9 years"),
        (0.0001, "less than once in a century"),
        (0.0, "less than once in a century"),
    ],
)
def test_rates_are_readable_at_every_size(per_week: float, text: str) -> None:
    assert rate_text(per_week) == text


def test_a_small_share_does_not_read_as_zero() -> None:
    assert [share_text(share) for share in (1.0, 0.426, 0.01, 0.0004)] == ["100%", "43%", "1%", "<1%"]
