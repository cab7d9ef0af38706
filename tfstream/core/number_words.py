"""Numbers in sentences: no exponents, and enough digits to tell two numbers apart."""

from __future__ import annotations

import math

LEAST_DIGITS = 4
_MOST_DIGITS = 9  # single precision has no more
_SAME = 1e-12  # of the larger number
_LONGEST_PLAIN = 1e15


def digits_of_both(number: float, other: float) -> int:
    """So many digits that the difference of two numbers shows with two of them, and four at least."""
    difference, size = abs(number - other), max(abs(number), abs(other))
    if difference <= _SAME * size:
        return LEAST_DIGITS
    return min(max(math.ceil(math.log10(size / difference)) + 1, LEAST_DIGITS), _MOST_DIGITS)


def number_words(number: float, digits: int) -> str:
    """A number without an exponent up to a quadrillion: a pressure is 101425 and not 1.014e+05 pascal."""
    whole = 10**digits <= abs(number) < _LONGEST_PLAIN
    return f"{number:.0f}" if whole else f"{number:.{digits}g}"
