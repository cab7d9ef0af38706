"""Simple detectors: each must find what it is made for, from the past alone."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from tfstream.app.evaluation.evaluation_options import EvaluationOptions
from tfstream.core.quality.curves import auc_roc
from tfstream.core.reading import Values
from tfstream.errors import ConfigurationError
from tfstream.model.baselines import sklearn_baselines
from tfstream.model.baselines.numpy_baselines import BASELINES, SEEDED

ROWS, TRAIN, CHANNELS = 900, 500, 4
FAULT = slice(700, 740)

NAMES = pytest.mark.parametrize("name", BASELINES)


def plant(seed: int = 0) -> Values:
    """Oscillations that share their sources, with noise."""
    rng = np.random.default_rng(seed)
    time = np.arange(ROWS)[:, None]
    sources = np.concatenate([np.sin(time / 7), np.sin(time / 23 + 1)], axis=1)
    mixing = np.random.default_rng(99).normal(size=(2, CHANNELS))
    return (sources @ mixing + 0.1 * rng.normal(size=(ROWS, CHANNELS))).astype(np.float32)


def faulted(values: Values) -> tuple[Values, NDArray[np.bool_]]:
    """One channel far off and noisy: a level, an unlikely window, and a broken rhythm at once."""
    labels = np.zeros(ROWS, dtype=np.bool_)
    labels[FAULT] = True
    changed = values.copy()
    changed[FAULT, 1] += 4 + 2 * np.random.default_rng(7).normal(size=40).astype(np.float32)
    return changed, labels


@pytest.mark.parametrize("name", [name for name in BASELINES if name != "spectral residual"])
def test_a_fault_scores_higher_than_the_rest(name: str) -> None:
    values, labels = faulted(plant())
    scores = BASELINES[name](values, TRAIN, 0)
    assert auc_roc(scores[TRAIN:], labels[TRAIN:]) > 0.8


def test_a_spike_is_salient() -> None:
    """What a spectral residual is for: it sees neither levels nor rhythms."""
    values = plant()
    values[700] += 8
    assert int(BASELINES["spectral residual"](values, TRAIN, 0).argmax()) == 700


@NAMES
def test_a_score_needs_the_past_alone(name: str) -> None:
    values, _ = faulted(plant())
    whole = BASELINES[name](values, TRAIN, 0)
    assert whole.shape == (ROWS,)
    assert np.isfinite(whole).all()
    np.testing.assert_allclose(BASELINES[name](values[:720], TRAIN, 0), whole[:720], rtol=1e-6, atol=1e-6)


@NAMES
def test_what_comes_after_training_is_not_learnt_from(name: str) -> None:
    values, _ = faulted(plant())
    other = values.copy()
    other[600:] = plant(seed=3)[600:]
    before = slice(0, 590)
    np.testing.assert_allclose(
        BASELINES[name](other, TRAIN, 0)[before], BASELINES[name](values, TRAIN, 0)[before]
    )


@NAMES
def test_gaps_and_dead_channels_are_no_reason_to_fail(name: str) -> None:
    values = plant()
    values[:, 2] = 5.0
    values[:, 3] = np.nan
    values[600:640] = np.nan
    assert np.isfinite(BASELINES[name](values, TRAIN, 0)).all()


@NAMES
def test_seeds_matter_where_they_are_said_to(name: str) -> None:
    values, _ = faulted(plant())
    one, again, other = (BASELINES[name](values, TRAIN, seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(one, again)
    assert (one != other).any() == (name in SEEDED)


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sklearn_baselines, "find_spec", lambda name: None)
    with pytest.raises(ConfigurationError, match=r"pip install 'tfstream\[baselines\]'"):
        EvaluationOptions(baselines=True)
