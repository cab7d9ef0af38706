"""From readings to a detector: the network's training, faults, scaling, weights."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from tests.unit.model.small_detector import (
    fitted,
    plant,
    scored,
    series,
    windows,
)
from tfstream.core.faults.training_faults import KINDS, inject
from tfstream.core.reading import Values
from tfstream.core.scaler import Scaler
from tfstream.errors import BadData
from tfstream.model.detector_config import DetectorConfig
from tfstream.model.fitting.loss import loss
from tfstream.model.fitting.term_weights import faulted, weigh_terms
from tfstream.model.fitting.train_network import loss_of
from tfstream.model.network.transformer import TimeFrequencyTransformer
from tfstream.model.scoring.detector import Detector
from tfstream.model.scoring.terms import TERMS


@pytest.mark.parametrize("channels", [1, 2])
def test_few_channels(channels: int) -> None:
    fit_detector = fitted(plant(600, channels=channels), DetectorConfig(steps=10))
    assert np.isfinite(fit_detector.measure(windows(plant(200, channels=channels)), ["x"] * 18).terms).all()


def test_abnormal_readings_are_trained_on_and_scored() -> None:
    values = plant(800)
    values[:, 0] = 7.0  # constant
    values[:, 1] = np.nan  # never there
    values[100:140, 2] = np.nan
    values[300, 3], values[301, 3] = np.inf, 1e30
    detector = fitted(values, DetectorConfig(steps=10))
    batch = windows(values)
    assert np.isfinite(scored(detector, batch)).all()
    assert not detector.live[1]


def test_too_little_is_refused_with_a_reason() -> None:
    with pytest.raises(BadData, match="too little to learn from"):
        fitted(plant(200))
    with pytest.raises(BadData, match="value"):
        fitted(np.full((600, 3), np.nan, dtype=np.float32))


@pytest.mark.parametrize("idea", ["dual_path", "cross_domain", "contrastive", "stage_average"])
def test_every_idea_can_be_switched_off(idea: str) -> None:
    config = DetectorConfig(steps=5, **{idea: False})
    without_it = fitted(plant(600), config)
    with_it = fitted(plant(600), DetectorConfig(steps=5))
    batch = windows(plant(300, seed=3))
    assert np.isfinite(scored(without_it, batch)).all()
    assert not np.allclose(scored(without_it, batch), scored(with_it, batch))


def test_views_and_loss() -> None:
    config = DetectorConfig(masked_batch=4, contrast_batch=3)
    torch.manual_seed(0)
    network = TimeFrequencyTransformer(config, 2)
    batch = torch.randn(4 + 3 + 3, 64, 2)
    views = network(batch, 4, 64)
    assert views.time.shape == views.frequency.shape == (3, 4, 64, 2)
    assert views.a.shape == views.b.shape == (3, 6, config.projection)
    torch.testing.assert_close(views.a.norm(dim=-1), torch.ones(3, 6))
    losses = loss(views, batch[:4], config)
    total = losses.reconstruction + config.contrast_weight * losses.contrast
    torch.testing.assert_close(losses.total, total)


class OneDevice(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Checks that all operands of an operation are on the same device; on ``meta``, torch does not always."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        parts = tree_leaves((args, kwargs or {}))
        devices = {part.device for part in parts if isinstance(part, torch.Tensor) and part.dim()}
        assert len(devices) <= 1, f"{func} takes numbers from {devices}"
        return func(*args, **(kwargs or {}))


def test_a_training_step_stays_on_the_networks_device() -> None:
    """On the ``meta`` device, which computes nothing."""
    config, meta = DetectorConfig(masked_batch=5, contrast_batch=3), torch.device("meta")
    network = TimeFrequencyTransformer(config, 2).to(meta)
    targets, faulty = (np.zeros((count, config.window_rows, 2), dtype=np.float32) for count in (5, 3))
    with OneDevice():  # type: ignore[no-untyped-call]
        losses = loss_of(network, (targets, faulty, faulty), config, meta)
        losses.total.backward()  # type: ignore[no-untyped-call]
    assert {part.device for part in losses} == {meta}
    assert all(parameter.grad is not None for parameter in network.parameters())


def test_faults_change_the_newest_rows_only() -> None:
    rng = np.random.default_rng(0)
    normal = rng.normal(size=(50, 64, 4)).astype(np.float32)
    faulty = inject(normal, normal[::-1], rng)
    np.testing.assert_array_equal(faulty[:, :32], normal[:, :32])
    assert (faulty != normal).any(axis=(1, 2)).mean() > 0.9
    assert len(KINDS) == 7


def test_scaling_and_back() -> None:
    high, low = plant(400) + 100, plant(300)
    scaler = Scaler.fit([series(high, "high"), series(low, "low"), series(low[:50] - 5, "short")])
    for asset, values in (("high", high), ("low", low)):
        scaled = scaler.transform(values[None], [asset])[0]
        assert np.abs(scaled.mean(axis=0)).max() < 1e-3
        np.testing.assert_allclose(scaler.inverse(scaled, [asset]), values, atol=1e-3)
    assert scaler.assets == ("high", "low")  # the short one is served by the pooled scale
    strange = scaler.transform(np.array([[[np.nan, np.inf, 1e30, 0, 0, 0]]], dtype=np.float32), ["low"])
    assert np.isnan(strange[0, 0, :2]).all()
    assert strange[0, 0, 2] == 10


def test_the_self_test_takes_weight_from_a_blind_term() -> None:
    rng = np.random.default_rng(0)
    normal = rng.normal(size=(100, 64, 3)).astype(np.float32)
    faulty = faulted(normal, rng)

    def measured(batch: Values) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
        sensitive = np.square(batch[:, -8:]).mean(axis=(1, 2))
        return np.stack([sensitive, rng.random(len(batch))], axis=1).astype(np.float64)

    weights = weigh_terms(np.array([1.0, 1.0]), measured(normal), measured(faulty), 1.0)
    assert weights[0] > 3 * weights[1] > 0
    np.testing.assert_allclose(weights.mean(), 1)


def test_the_bank_has_the_held_out_windows_after_the_fit(detector: Detector) -> None:
    """The blocks that calibrate the threshold are normal data, too: the bank has them after the fit."""
    measured = detector.measure(windows(plant(1500)), ["x"] * 180)
    assert measured.terms[:, TERMS.index("P")].max() < 1e-4
    assert len(detector.bank.usual) <= 1500 / 4  # half a hop apart
