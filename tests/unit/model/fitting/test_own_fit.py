"""Which assets get comparisons of their own: those whose sensors agree otherwise, with enough rows."""

from __future__ import annotations

import pytest

from tests.unit.model.witnesses.mixed_plant import fit_to_mixed, mixed_plant, mixed_series
from tests.unit.model.witnesses.steady_plant import INTERVAL_US, SENSORS
from tfstream.core.reading import Series
from tfstream.core.scaler import Scaler
from tfstream.model.fitting import own_fit
from tfstream.model.fitting.witness_fit import fit_witnesses
from tfstream.model.witnesses.pyramid import FIRST_LEVELS, SPANS
from tfstream.model.witnesses.witness_model import WitnessModel

LEVELS = set(range(FIRST_LEVELS, FIRST_LEVELS + len(SPANS)))


def fit_series(series: list[Series]) -> WitnessModel:
    return fit_witnesses(series, Scaler.fit(series), INTERVAL_US)


def test_assets_that_mix_otherwise_have_their_own_on_each_grid() -> None:
    model = fit_to_mixed("a", "b", "c", "d").model
    assert len(model.grids) == 2
    for grid in model.grids:
        assert set(grid.own) == LEVELS
        assert all(each.assets == ("a", "b", "c", "d") for each in grid.own.values())
    described = [tail["own"] for tail in model.describe() if tail["witness"] == "levels"]
    assert {"sensors": SENSORS, "assets": 4} in described
    assert all(tail["own"] is None for tail in model.describe() if tail["witness"] == "errors")


def test_assets_that_are_alike_share_their_comparisons() -> None:
    model = fit_to_mixed("a", "b", "c", "d", alike=SENSORS).model
    assert [grid.own for grid in model.grids] == [{}, {}]
    assert all(tail["own"] is None for tail in model.describe())


def test_sensors_that_agree_alike_keep_the_common_comparison() -> None:
    """The last two sensors mix the loads in each asset's own way."""
    model = fit_to_mixed("a", "b", "c", "d", alike=SENSORS - 2).model
    assert set(model.grids[0].own) == LEVELS
    for each in model.grids[0].own.values():
        own = set(each.sensors.tolist())
        assert {SENSORS - 2, SENSORS - 1} <= own
        assert len(own) < SENSORS


def test_an_asset_with_few_rows_has_the_common_comparison() -> None:
    series = mixed_series("a", "b", "c")
    few = Series("few", series[0].times_us[:20], mixed_plant("few", 20))
    model = fit_series([*series, few])
    assert all(each.assets == ("a", "b", "c") for grid in model.grids for each in grid.own.values())
    assert set(model.grids[0].own) == LEVELS


def test_a_single_asset_has_none() -> None:
    model = fit_to_mixed("a").model
    assert model.grids
    assert not any(grid.own for grid in model.grids)


def test_own_comparisons_that_are_too_large_are_refused_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own_fit, "_MOST_WEIGHTS", 2 * 2 * SENSORS**2)
    model = fit_to_mixed("a", "b", "c", "d").model
    assert [grid.own for grid in model.grids] == [{}, {}]
    assert model.own_refused is not None
    assert model.own_refused.startswith("own comparisons of 4 assets may need")
    described = [tail["own"] for tail in model.describe() if tail["witness"] == "levels"]
    assert described[0] == {"refused": model.own_refused}
