"""Alarm budgets as people write them: so many false alarms in a day, week, month or year."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from tfstream.errors import UsageError

_WEEKS = {"day": 1 / 7, "week": 1.0, "month": 365.25 / 12 / 7, "year": 365.25 / 7}


def per_week(text: str) -> float:
    """``1/week``, ``2/month``, or a number, which is a week's.

    :raises UsageError: when the text is none of these, or not above zero.
    """
    count, _, span = text.strip().partition("/")
    try:
        rate = float(count) / _WEEKS[span.strip() or "week"]
    except (ValueError, KeyError):
        rate = math.nan
    if not 0 < rate < math.inf:
        raise UsageError(f"{text!r} is no alarm budget; write for example 1/week, 0.5/day, 2/month or 4/year")
    return rate


def of_assets(given: Sequence[str], before: Mapping[str, float]) -> dict[str, float]:
    """``before`` with what ``asset=1/week`` says; ``asset=`` gives an asset the stream's budget again.

    :raises UsageError: when one cannot be read.
    """
    budgets = dict(before)
    for text in given:
        asset, separator, rate = text.rpartition("=")
        if not separator or not asset:
            raise UsageError(f"--asset-budget {text!r} is not of the form ASSET=1/week")
        if rate:
            budgets[asset] = per_week(rate)
        else:
            budgets.pop(asset, None)
    return budgets
