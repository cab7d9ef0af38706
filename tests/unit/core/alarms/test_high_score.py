"""A score that stays high is measured from its present level, until it comes home."""

from __future__ import annotations

from collections.abc import Iterable

from tfstream.core.alarms.baseline import Baseline
from tfstream.core.alarms.high_score import FollowedScore, HighScore, follow_score

USUAL = Baseline(center=1.0, spread=0.5, usual=0.5)
THRESHOLD, HOLD = 8.0, 5.0
STAYED_HOPS = 30


def follow(scores: Iterable[float], level: HighScore | None = None) -> list[FollowedScore]:
    """A hop takes a microsecond; the threshold is that of the present level."""
    followed = []
    for hop, score in enumerate(scores):
        value = ((level and level.baseline) or USUAL).normalised(score)
        after = follow_score(
            level,
            score,
            USUAL,
            exceeds=value >= THRESHOLD,
            holds=value >= HOLD,
            quiet=HOLD,
            span_us=(hop, hop + 1),
            stayed_us=STAYED_HOPS,
        )
        level = after.level
        followed.append(after)
    return followed


def test_quiet_scores_leave_nothing_to_remember() -> None:
    assert [each.level for each in follow([1.0, 2.0, 0.5, 4.0])] == [None] * 4


def test_a_score_that_stays_high_is_accepted_once() -> None:
    followed = follow([1.0] * 5 + [9.0, 9.5] * 30)
    assert [hop for hop, each in enumerate(followed) if each.accepted] == [5 + STAYED_HOPS - 1]
    level = followed[-1].level
    assert level is not None
    assert level.baseline is not None
    assert level.baseline.center in (9.0, 9.25, 9.5)
    assert level.baseline.spread == USUAL.spread


def test_a_score_that_falls_before_is_not_accepted() -> None:
    followed = follow([9.0] * (STAYED_HOPS - 2) + [1.0] * 40)
    assert not any(each.accepted for each in followed)
    assert followed[-1].level is None


def test_what_rises_above_the_present_level_exceeds_again() -> None:
    level = follow([9.0] * 40)[-1].level
    assert level is not None
    assert (level.baseline is None, level.since_us) == (False, None)
    (after,) = follow([14.0], level)
    assert after.level is not None
    assert after.level.since_us == 0


def test_it_is_forgotten_once_the_score_has_come_home() -> None:
    level = follow([9.0] * 40)[-1].level
    followed = follow([1.0] * 60, level)
    assert followed[0].level is not None
    assert followed[-1].level is None
