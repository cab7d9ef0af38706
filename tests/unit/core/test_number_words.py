"""Numbers in sentences."""

from __future__ import annotations

import pytest

from tfstream.core.number_words import LEAST_DIGITS, digits_of_both, number_words


@pytest.mark.parametrize(
    ("number", "other", "words"),
    [
        (12.4, 9.1, ("12.4", "9.1")),
        (31.7509, 32.0242, ("31.75", "32.02")),
        (100_003.0, 100_001.0, ("100003", "100001")),
        (0.2500016, 0.2500001, ("0.2500016", "0.2500001")),
        (0.0, 0.0, ("0", "0")),
        (2.0, 2.0, ("2", "2")),
    ],
)
def test_two_numbers_that_differ_never_read_the_same(
    number: float, other: float, words: tuple[str, str]
) -> None:
    digits = digits_of_both(number, other)
    assert (number_words(number, digits), number_words(other, digits)) == words


def test_only_gigantic_numbers_have_an_exponent() -> None:
    assert number_words(101_425.3, LEAST_DIGITS) == "101425"
    assert number_words(3e14, LEAST_DIGITS) == "300000000000000"
    assert number_words(3e15, LEAST_DIGITS) == "3e+15"
