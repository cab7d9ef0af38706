"""A score that stays high: once it has stayed for long enough, it is measured from its present level."""

from __future__ import annotations

from statistics import median
from typing import NamedTuple

import msgspec

from tfstream.core.alarms.baseline import Baseline

_REMEMBERED = 24  # scores that the present level is the median of
_RATE = 1 / 24  # of the mean that shows when the score has come home


class HighScore(msgspec.Struct, frozen=True, kw_only=True):
    """A score that has exceeded its threshold since ``since_us`` and was not quiet since; None: it is quiet.

    ``recent`` are its newest values. ``baseline`` is what it is measured from while it stays high, None while
    the asset's own baseline holds; ``mean`` follows its values, measured from the asset's own baseline.
    """

    since_us: int | None = None
    recent: tuple[float, ...] = ()
    baseline: Baseline | None = None
    mean: float = 0.0


class FollowedScore(NamedTuple):
    """The level after a score, None where there is nothing to remember; whether it was accepted with it."""

    level: HighScore | None
    accepted: bool = False


def follow_score(
    level: HighScore | None,
    score: float,
    usual: Baseline,
    *,
    exceeds: bool,
    holds: bool,
    quiet: float,
    span_us: tuple[int, int],
    stayed_us: int,
) -> FollowedScore:
    """Follow an asset's next score.

    :param usual: the asset's own baseline.
    :param exceeds: whether the score, measured from its level, reaches the threshold.
    :param holds: whether it reaches the lower level of the hysteresis.
    :param quiet: the lower level itself.
    :param span_us: the first and the last moment of the score's hop.
    :param stayed_us: how long a score stays high before its level is accepted.
    """
    before = level or HighScore()
    high = exceeds or (before.since_us is not None and holds)
    since_us = (span_us[0] if before.since_us is None else before.since_us) if high else None
    if since_us is None and before.baseline is None:
        return FollowedScore(None)
    recent = (*before.recent, score)[-_REMEMBERED:]
    mean = before.mean + _RATE * (usual.normalised(score) - before.mean) if before.baseline else 0.0
    accepted = since_us is not None and span_us[1] - since_us >= stayed_us
    baseline = before.baseline
    if accepted:
        mean = median(map(usual.normalised, recent))
    if baseline is not None and mean < quiet:
        return FollowedScore(None)
    if accepted or (baseline is not None and since_us is None):
        baseline = _present(recent, usual)
    level = HighScore(since_us=None if accepted else since_us, recent=recent, baseline=baseline, mean=mean)
    return FollowedScore(level, accepted)


def _present(recent: tuple[float, ...], usual: Baseline) -> Baseline:
    """The baseline of the newest scores: never narrower than what is usual."""
    center = median(recent)
    distance = median(abs(score - center) for score in recent)
    spread = max(usual.spread, distance)
    return Baseline(center=center, spread=spread, usual=spread)
