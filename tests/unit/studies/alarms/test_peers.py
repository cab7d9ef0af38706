"""The peers of the study of alarms: what they learn, where they set a threshold, which sensor they name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from tests.studies.quality.alarms.peers.cva import learn_cva
from tests.studies.quality.alarms.peers.dynamic_pca import learn_dynamic_pca
from tests.studies.quality.alarms.peers.half_space_trees import learn_half_space_trees
from tests.studies.quality.alarms.peers.lagged_forms import LaggedForms, lagged
from tests.studies.quality.alarms.peers.peer import FittedPeer, Peer
from tests.studies.quality.alarms.peers.peer_alarms import crossings
from tests.studies.quality.alarms.peers.peer_threshold import HeldOutStatistic, peer_threshold
from tests.studies.quality.alarms.peers.random_cut_forest import (
    collusive_displacement,
    learn_random_cut_forest,
)
from tests.studies.quality.alarms.peers.registered import PEERS
from tests.studies.quality.alarms.peers.standardiser import Standardiser
from tests.studies.quality.alarms.peers.statistics import Array
from tfstream.core.reading import Series
from tfstream.core.stream import MICROSECONDS, StreamDefinition
from tfstream.errors import BadData

SENSORS = ("flow", "pressure", "valve", "flat")
DEFINITION = StreamDefinition(topic="plant", sensors=SENSORS, interval_us=60 * MICROSECONDS)


def plant(rows: int, seed: int = 0) -> Series:
    """Three sensors that follow one slow load, and one that never moves."""
    rng = np.random.default_rng(seed)
    load = np.zeros(rows)
    for row in range(1, rows):
        load[row] = 0.9 * load[row - 1] + rng.normal()
    values = np.stack([load, 2 * load + 5, 9 - load, np.zeros(rows)], axis=1)
    values[:, :3] += 0.2 * rng.normal(size=(rows, 3))
    times_us = np.arange(rows, dtype=np.int64) * DEFINITION.interval_us
    return Series("pump", times_us, values.astype(np.float32))


@cache
def fitted_to_normal_rows(name: str) -> FittedPeer:
    """Under one alarm a week; for half-space trees 50: to them one sensor alone is never that rare."""
    budget = 50.0 if name == "half-space trees" else 1.0
    return PEERS[name]().fit([plant(2400)], replace(DEFINITION, alarm_budget_per_week=budget), 0)


@pytest.mark.parametrize("name", PEERS)
def test_a_large_fault_raises_one_alarm(name: str) -> None:
    shown = plant(800, seed=1)
    shown.values[400:480, 1] += 60
    fitted = fitted_to_normal_rows(name)
    within = [alarm for alarm in fitted.alarms(shown, 80) if 400 <= alarm.first < 480]
    assert len(within) == 1
    assert 400 < within[0].raised <= 416
    assert 472 <= within[0].stop <= 500
    assert within[0].witness
    if name != "half-space trees":
        assert within[0].sensors[0] == "pressure"
        assert set(within[0].sensors) == set(SENSORS)


@pytest.mark.parametrize("name", PEERS)
def test_normal_rows_keep_to_the_budget(name: str) -> None:
    """A quarter of a week: more than three alarms for each one that is expected are unlikely."""
    asked = 50 / 4 if name == "half-space trees" else 1 / 4
    alarms = fitted_to_normal_rows(name).alarms(plant(2520, seed=2), 0)
    assert len(alarms) <= 3 * max(asked, 1)


@pytest.mark.parametrize("name", PEERS)
def test_alarms_do_not_depend_on_rows_that_come_later(name: str) -> None:
    shown = plant(400, seed=1)
    shown.values[200:, 1] += 60
    fitted = fitted_to_normal_rows(name)
    early = Series(shown.asset, shown.times_us[:240], shown.values[:240])
    known = [alarm.raised for alarm in fitted.alarms(shown, 160) if alarm.raised <= 240]
    assert known
    assert [alarm.raised for alarm in fitted.alarms(early, 160)] == known


@pytest.mark.parametrize("name", PEERS)
def test_too_few_rows_are_an_error(name: str) -> None:
    with pytest.raises(BadData):
        PEERS[name]().fit([plant(3)], DEFINITION, 0)


def test_a_gap_of_all_sensors_raises_no_alarm() -> None:
    shown = plant(400, seed=1)
    shown.values[100:200] = np.nan
    for name in PEERS:
        alarms = fitted_to_normal_rows(name).alarms(shown, 0)
        assert not [alarm for alarm in alarms if 110 <= alarm.first < 200]


def test_each_asset_has_its_own_means_and_the_deviation_is_within_assets() -> None:
    low, high = plant(500), plant(500, seed=3)._replace(asset="fan")
    high.values[:, 0] += 1000
    standardiser = Standardiser.of([low, high])
    for series in (low, high):
        rows = standardiser.rows(series)
        assert abs(rows[:, 0].mean()) < 1e-3
        assert 0.5 < rows[:, 0].std() < 2
    assert not standardiser.rows(low)[:, 3].any()
    moved = low._replace(values=low.values + np.float32(1))
    assert not standardiser.rows(moved)[:, 3].any()


def test_lagged_rows_by_hand() -> None:
    rows = np.array([[1.0, 10.0], [2.0, 20.0], [3.0, 30.0]])
    np.testing.assert_array_equal(lagged(rows, 2), [[1, 10, 2, 20], [2, 20, 3, 30]])
    assert lagged(rows, 4).shape == (0, 8)


def test_a_form_by_hand() -> None:
    """``|A x|`` with ``A = [0, 0, 3, 4]``, as the root of the mean of two squares."""
    form = LaggedForms(factors={"only": np.array([[0.0, 0.0, 3.0, 4.0]])}, lags=2, mean_rows=2)
    rows = np.array([[9.0, 9.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    measured = form.measure(rows)[:, 0]
    assert np.isnan(measured[:2]).all()
    np.testing.assert_allclose(measured[2:], [np.sqrt((9 + 16) / 2), np.sqrt((16 + 49) / 2)])
    np.testing.assert_allclose(form.blame(rows, 3, 0), [21.0, 28.0 + 16.0])


def test_the_statistics_of_cva_and_dynamic_pca_add_up_to_the_whitened_past() -> None:
    """T² and Q of CVA split the Mahalanobis distance of the past, so that normal rows have its dimension."""
    piece = Standardiser.of([plant(4000)]).rows(plant(4000))[:, :3]
    cva = learn_cva([piece], 0)
    squares = np.nanmean(cva.measure(piece) ** 2, axis=0)
    assert squares.sum() == pytest.approx(cva.lags * 3, rel=0.02)
    pca = learn_dynamic_pca([piece], 0)
    states = len(pca.factors["DPCA T2"])
    assert np.nanmean(pca.measure(piece)[:, 0] ** 2) == pytest.approx(states, rel=0.02)


def test_the_displacement_with_its_cut_is_that_of_the_library() -> None:
    rows = np.random.default_rng(0).normal(size=(400, 6))
    (tree, *_) = learn_random_cut_forest([rows], 0).trees
    for label, leaf in list(tree.leaves.items())[:20]:
        assert collusive_displacement(leaf).size == pytest.approx(tree.codisp(label))


def test_the_forest_is_as_before_after_measuring() -> None:
    rows = np.random.default_rng(0).normal(size=(400, 6))
    forest = learn_random_cut_forest([rows], 0)
    forest.measure(rows + 3)
    assert all(tree.root.n == 256 for tree in forest.trees)


def test_half_space_trees_score_rare_rows_higher() -> None:
    rows = np.random.default_rng(0).normal(size=(2000, 3))
    trees = learn_half_space_trees([rows], 0)
    usual, rare = trees.measure(np.array([[0.0, 0.0, 0.0], [3.9, -3.9, 3.9]]))[:, 0]
    assert usual < rare


def test_an_alarm_needs_sixteen_rows_below_before_the_next() -> None:
    values = np.zeros((80, 2))
    values[[10, 26, 43], 0] = 2
    values[[26, 60], 1] = 5
    found = crossings(values, (1.0, 1.0))
    assert [(each.first, each.stop, each.statistic) for each in found] == [
        (10, 27, 0),
        (43, 44, 0),
        (60, 61, 1),
    ]
    assert crossings(np.full((20, 2), np.nan), (1.0, 1.0)) == []


def test_a_smaller_budget_gives_a_higher_threshold_near_the_largest_value() -> None:
    values = np.random.default_rng(0).exponential(size=10_080)
    held = [HeldOutStatistic.of(np.concatenate([[np.nan], values[1:]]), 0)]
    often, weekly, rarely = (
        peer_threshold(held, budget_per_week=budget, rows_per_week=10_080) for budget in (20.0, 1.0, 0.1)
    )
    assert often < weekly < rarely
    assert weekly == pytest.approx(np.log(10_080), rel=0.25)


def test_the_newest_quarter_of_each_asset_is_held_out() -> None:
    learnt: list[list[int]] = []

    def learn(pieces: Sequence[Array], seed: int) -> LaggedForms:
        learnt.append([len(piece) for piece in pieces])
        return LaggedForms(factors={"size": np.eye(4)}, lags=1)

    first, second = plant(400), plant(200, seed=1)
    other = plant(100)._replace(asset="fan")
    Peer(name="size", learn=learn).fit([first, second, other], DEFINITION, 0)
    assert learnt == [[400, 50, 75], [400, 200, 100]]


def test_the_forest_learns_rows_that_are_all_equal() -> None:
    forest = learn_random_cut_forest([np.zeros((40, 3))], 0)
    equal, other = forest.measure(np.concatenate([np.zeros((8, 3)), np.ones((8, 3))]))[[7, 15], 0]
    assert equal < other
