"""Which witness is heard at a row: budget shares, thresholds, rank, and alarms that go on."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from tfstream.core.alarms.tail import Tail
from tfstream.core.alarms.witness_rule import WitnessRule, budget_shares
from tfstream.core.alarms.witness_tail import WitnessTail
from tfstream.core.messages.witness import Witness

NAN = float("nan")


def tail(level: int, clusters_per_week: float = 50.0) -> WitnessTail:
    return WitnessTail(
        witness=Witness.LEVELS,
        level=level,
        grid_rows=8**level,
        scale_rows=4 * 8**level,
        statistic=2,
        name="levels",
        center=0.0,
        spread=1.0,
        tail=Tail(u=2.0, sigma=1.0, xi=0.0, clusters=50, clusters_per_week=clusters_per_week, weeks=1.0),
    )


@pytest.fixture
def rule() -> WitnessRule:
    return WitnessRule([tail(0), tail(1, clusters_per_week=5.0)], 0.25, 1.0, 1_000_000)


def fired(*tails: bool) -> NDArray[np.bool_]:
    return np.array(tails, dtype=np.bool_)


@pytest.mark.parametrize("tails", [0, 1, 5, 16])
@pytest.mark.parametrize("instruments", [False, True])
def test_the_shares_of_the_budget_make_one(tails: int, instruments: bool) -> None:
    shares = budget_shares(tails, instruments=instruments)
    assert shares.score + tails * shares.tail + shares.instruments == pytest.approx(1.0)
    assert (shares.score == 1.0) == (tails == 0 and not instruments)


def test_a_threshold_is_for_the_share_of_its_tail(rule: WitnessRule) -> None:
    """``u + ln(clusters / (budget * share))`` for an exponential tail of spread 1."""
    np.testing.assert_allclose(rule.thresholds, 2 + np.log([50 / 0.25, 5 / 0.25]))
    assert (rule.holds < rule.thresholds).all()
    heard = rule.judge(np.array([rule.thresholds[0], NAN]), fired(False, False))
    assert heard is not None
    assert heard.judgement.expected_per_week == pytest.approx(1.0, rel=1e-3)


def test_the_rarest_value_is_heard(rule: WitnessRule) -> None:
    """The second tail has fewer clusters: the same value is rarer there."""
    heard = rule.judge(np.array([9.0, 9.0]), fired(False, False))
    assert heard is not None
    assert (heard.number, heard.judgement.scale_s) == (1, 32.0)


def test_an_alarm_is_heard_before_a_rarer_value_that_is_none(rule: WitnessRule) -> None:
    over, under = rule.thresholds[0] + 0.01, rule.thresholds[1] - 0.01
    heard = rule.judge(np.array([over, under]), fired(False, False))
    assert heard is not None
    assert heard.number == 0
    assert heard.judgement.exceeds


def test_quiet_and_unknown_values_are_not_heard(rule: WitnessRule) -> None:
    assert rule.judge(np.array([1.0, NAN]), fired(False, False)) is None
    assert not rule.speaking(np.array([[NAN, NAN], [1.0, 0.0]])).any()


def test_a_tail_that_has_fired_crosses_its_threshold_again_only_after_it_was_quiet(rule: WitnessRule) -> None:
    state, over, quiet = fired(False, False), np.array([9.0, NAN]), np.array([0.0, NAN])
    crossings = []
    for values in (over, over, quiet, over):
        heard = rule.judge(values, state)
        crossings.append(heard is not None and heard.judgement.crossing)
    assert crossings == [True, False, False, True]


def test_a_row_without_a_value_leaves_the_tail_as_it_was(rule: WitnessRule) -> None:
    """Between two rows of its grid a tail has no value: it opens no alarm, and has not become quiet."""
    state = fired(False, True)
    assert rule.judge(np.array([0.0, NAN]), state) is None
    assert state.tolist() == [False, True]
