"""The detector on small synthetic plants."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from tfstream.app.detection.score_batch import ScoringInput, SmoothedTerms, score_batch
from tfstream.core.faults.training_faults import KINDS, inject
from tfstream.core.reading import Series, Values
from tfstream.core.scaler import Scaler
from tfstream.core.windowing.asset_track import Window
from tfstream.errors import BadData
from tfstream.model import bundle
from tfstream.model.detector_config import DetectorConfig
from tfstream.model.fitting.fit import fit
from tfstream.model.fitting.loss import loss
from tfstream.model.fitting.term_weights import faulted, weigh_terms
from tfstream.model.fitting.train_network import loss_of
from tfstream.model.linear import predictors
from tfstream.model.network import spectral
from tfstream.model.network.inference import PreparedNetwork
from tfstream.model.network.transformer import TimeFrequencyTransformer, hide
from tfstream.model.scoring.bank import collect
from tfstream.model.scoring.detector import Detector
from tfstream.model.scoring.fusion import Fusion, smooth
from tfstream.model.scoring.terms import CHUNK, TERMS

CHANNELS = 6
SENSORS = tuple(f"s{i}" for i in range(CHANNELS))
SECOND = 1_000_000
QUICK = DetectorConfig(steps=60)


def plant(rows: int, seed: int = 0, channels: int = CHANNELS) -> Values:
    """Correlated oscillations with noise."""
    rng = np.random.default_rng(seed)
    time = np.arange(rows)[:, None]
    sources = np.concatenate([np.sin(time / 7), np.sin(time / 23 + 1), np.cos(time / 3)], axis=1)
    mixing = np.random.default_rng(99).normal(size=(3, channels))
    return (sources @ mixing + 0.1 * rng.normal(size=(rows, channels))).astype(np.float32)


def series(values: Values, asset: str = "x") -> Series:
    return Series(asset, np.arange(len(values)) * SECOND, values)


def fitted(values: Values, config: DetectorConfig = QUICK, seed: int = 0) -> Detector:
    names = tuple(f"s{i}" for i in range(values.shape[1]))
    return fit([series(values)], names, SECOND, config, seed, lambda stage, done: None)


@pytest.fixture(scope="module")
def detector() -> Detector:
    return fitted(plant(1500))


def windows(values: Values) -> Values:
    ends = range(64, len(values) + 1, 8)
    return np.stack([values[end - 64 : end] for end in ends])


def scored(detector: Detector, batch: Values) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Every window by itself, after none."""
    measured = detector.measure(batch, ["x"] * len(batch))
    return detector.fuse(measured.terms.astype(np.float64), measured.usual)


def candidates(batch: Values, before: SmoothedTerms | None, first: int = 0) -> list[ScoringInput]:
    """Consecutive windows of an asset; the first ends with row 63."""
    ends = range(63 + 8 * first, 63 + 8 * (first + len(batch)), 8)
    return [
        ScoringInput(0, "x", Window(end, values, 0, 0), before if i == 0 else None)
        for i, (end, values) in enumerate(zip(ends, batch, strict=True))
    ]


def test_faults_score_higher_than_normal(detector: Detector) -> None:
    normal = windows(plant(1200, seed=5))
    faulty = normal.copy()
    faulty[:, -24:, 2] += 1.5
    threshold = np.quantile(scored(detector, normal), 0.95)
    assert (scored(detector, faulty) > threshold).mean() > 0.9


def test_masked_sensors_have_no_values(detector: Detector) -> None:
    batch = windows(plant(400, seed=7))
    batch[:, -10:, 3] = np.nan
    measured = detector.measure(batch, ["x"] * len(batch))
    assert np.isnan(measured.actual[:, 3]).all()
    assert np.isfinite(measured.terms).all()


def test_expected_values_are_in_the_sensors_units(detector: Detector) -> None:
    batch = windows(plant(800, seed=8))
    measured = detector.measure(batch, ["x"] * len(batch))
    assert np.abs(measured.expected - measured.actual).mean() < 0.3


def test_a_windows_numbers_do_not_depend_on_its_batch(detector: Detector) -> None:
    """Bit for bit: exactly-once delivery rests on it."""
    batch = windows(plant(1000, seed=9))
    whole = detector.measure(batch, ["x"] * len(batch))
    order = np.random.default_rng(0).permutation(len(batch))
    shuffled = detector.measure(batch[order], ["x"] * len(batch))
    alone = [detector.measure(window[None], ["x"]).terms[0] for window in batch[:40]]
    np.testing.assert_array_equal(shuffled.terms, whole.terms[order])
    np.testing.assert_array_equal(np.stack(alone), whole.terms[:40])


def test_scores_go_on_where_an_earlier_batch_ended(detector: Detector) -> None:
    """Bit for bit, after the state went through JSON: a restart must not show."""
    values = windows(plant(600, seed=11))
    whole = score_batch(detector, candidates(values, None))
    half = score_batch(detector, candidates(values[:30], None))
    kept = SmoothedTerms(half[-1].terms.end_index, tuple(json.loads(json.dumps(half[-1].terms.values))))
    rest = score_batch(detector, candidates(values[30:], kept, first=30))
    assert [window.score for window in half + rest] == [window.score for window in whole]
    alone = score_batch(detector, candidates(values[30:], None, first=30))
    assert alone[0].score != rest[0].score


def test_a_gap_ends_the_smoothing(detector: Detector) -> None:
    values = windows(plant(300, seed=11))
    after_gap = score_batch(detector, candidates(values[5:], SmoothedTerms(63, (9.0,) * len(TERMS)), first=5))
    fresh = score_batch(detector, candidates(values[5:], None, first=5))
    assert [window.score for window in after_gap] == [window.score for window in fresh]


def test_hops_smooth_v_as_rows_would() -> None:
    """The hop-wise exponential mean of V is the row-wise one over ``memory_rows``."""
    rng = np.random.default_rng(0)
    values = torch.from_numpy(rng.normal(size=(72, 3)).astype(np.float32))
    linear = predictors.fit(values[:64][None].repeat(4, 1, 1), QUICK)
    lagged = torch.stack([values[row - 8 : row].flatten() for row in range(56, 72)])
    errors = (values[56:] - (lagged @ linear.var_weights)).square().double().numpy()
    first, second = (
        linear.row_errors(values[at : at + 64][None], QUICK)[0].double().numpy() for at in (0, 8)
    )
    by_hop = smooth(second, first, QUICK)
    by_row = first
    for error in errors[8:]:
        by_row = by_row + (error - by_row) / QUICK.memory_rows
    np.testing.assert_allclose(by_hop, by_row, rtol=1e-4)


def test_an_error_that_normal_data_showed_is_expected() -> None:
    """A rare but normal event is in the bank with the error that comes with it."""
    recent = torch.zeros(50, 16, 2)
    recent[10, -4:] = 3.0
    usual = torch.full((50,), 1.0)
    usual[10] = 40.0
    bank, chosen = collect(recent, usual, 10_000)
    assert len(chosen) == 50
    distance, expected = bank.nearest(recent[[10, 11]], 1)
    torch.testing.assert_close(expected, torch.tensor([40.0, 1.0]))
    assert distance.max() < 1e-3
    left_out = torch.zeros(2, 50, dtype=torch.bool)
    left_out[0, 10] = True
    distance, expected = bank.nearest(recent[[10, 11]], 1, left_out)
    torch.testing.assert_close(expected, torch.tensor([1.0, 1.0]))
    assert distance[0] > 0.1
    assert len(collect(recent, usual, 320)[0].usual) == 10


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


def test_no_term_drowns_v() -> None:
    """A V that is large enough scores higher than all other terms together, however large."""
    fusion = Fusion(np.zeros(len(TERMS)), np.ones(len(TERMS)), np.ones(len(TERMS)))
    terms = np.full((2, len(TERMS)), 1e30)
    terms[0, 0], terms[1, 0] = 1.0, 1e30
    low, high = fusion.scores(terms, np.ones(2))
    assert low < 70 < high


def test_the_bank_has_the_held_out_windows_after_the_fit(detector: Detector) -> None:
    """The blocks that calibrate the threshold are normal data, too: the bank has them after the fit."""
    measured = detector.measure(windows(plant(1500)), ["x"] * 180)
    assert measured.terms[:, TERMS.index("P")].max() < 1e-4
    assert len(detector.bank.usual) <= 1500 / 4  # half a hop apart


def test_a_larger_fault_scores_higher(detector: Detector) -> None:
    """Also far beyond the values in training."""
    normal = windows(plant(700, seed=12))
    medians = []
    for size in (0.5, 1.0, 2.0, 4.0, 8.0):
        faulty = normal.copy()
        faulty[:, -6:, 1] += size
        medians.append(float(np.median(scored(detector, faulty))))
    assert medians == sorted(medians)
    assert medians[-1] > medians[-2] + 0.5


def test_a_bundle_stays_small(detector: Detector) -> None:
    """With as much in memory and bank as ever fits, 25 channels."""
    config = DetectorConfig()
    network = sum(p.numel() for p in TimeFrequencyTransformer(config, 25).parameters())
    remembered = config.memory_size * config.stages * config.projection * 2
    linear = config.ridge_rows * 16 * config.hop_rows * 25 + config.var_order * 25 * 25
    assert 4 * (network + remembered + linear + config.bank_cells) < 5_000_000


def test_the_same_seed_gives_the_same_bundle() -> None:
    values = plant(700)
    once, again, other = (bundle.dump(fitted(values, seed=seed)) for seed in (0, 0, 1))
    assert once == again
    assert once != other


def test_a_bundle_gives_the_same_scores(detector: Detector) -> None:
    stored = bundle.dump(detector)
    again = bundle.load(stored)
    batch = windows(plant(400, seed=10))
    np.testing.assert_array_equal(scored(detector, batch), scored(again, batch))
    assert again.calibration == detector.calibration
    assert bundle.dump(again) == stored


@pytest.mark.parametrize("damage", [lambda b: b[:100], lambda b: b"", lambda b: b"x" * 500, lambda b: b[:-8]])
def test_a_damaged_bundle_is_refused(detector: Detector, damage: object) -> None:
    with pytest.raises(BadData, match="damaged"):
        bundle.load(damage(bundle.dump(detector)))  # type: ignore[operator]


def test_a_pickle_in_a_bundles_place_is_never_run() -> None:
    class Trap:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return exec, ("raise SystemExit('run')",)

    with pytest.raises(BadData, match="damaged"):
        bundle.load(pickle.dumps(Trap()))


def test_windows_of_another_shape_are_refused(detector: Detector) -> None:
    with pytest.raises(ValueError, match="shape"):
        detector.measure(np.zeros((1, 64, CHANNELS + 1), np.float32), ["x"])


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


def test_the_spectrum_and_back() -> None:
    batch = torch.randn(3, 64, 5)
    tokens = spectral.to_tokens(batch)
    assert tokens.shape == (3, spectral.tokens_of(64), 4 * 2 * 5)
    torch.testing.assert_close(spectral.from_tokens(tokens, 64, 64), batch)


def test_masked_rows_do_not_leak() -> None:
    """Masked rows must not change the input of the network, neither in time nor in frequency."""
    first, second = torch.randn(2, 64, 3), torch.randn(2, 64, 3)
    second[:, :-8] = first[:, :-8]
    torch.testing.assert_close(hide(first, 8), hide(second, 8))


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


@pytest.mark.parametrize("silent", range(CHANNELS))
def test_a_silent_sensor_does_not_spoil_the_errors_of_others(silent: int) -> None:
    """V's prediction replaces a missing value; the mean in its place would look like a fault."""
    rng = np.random.default_rng(0)
    level = np.cumsum(0.1 * rng.normal(size=(3000, 2)), axis=0) @ np.random.default_rng(9).normal(size=(2, 6))
    values = (level + 0.05 * rng.normal(size=(3000, CHANNELS)) + 10).astype(np.float32)
    linear = predictors.fit(torch.from_numpy(windows(_standard(values))), QUICK)
    whole = torch.from_numpy(windows(_standard(values))[-100:])
    holed = whole.clone()
    holed[:, -40:, silent] = torch.nan
    others = [channel for channel in range(CHANNELS) if channel != silent]

    def errors(of: torch.Tensor) -> torch.Tensor:
        return linear.row_errors(of, QUICK)[:, others].mean()

    usual = errors(whole)
    assert errors(linear.fill_missing(holed, QUICK)) < 1.3 * usual
    assert errors(holed.nan_to_num()) > 2 * usual  # the control
    torch.testing.assert_close(linear.fill_missing(whole, QUICK), whole)


def _standard(values: Values) -> Values:
    return np.asarray((values - values.mean(0)) / values.std(0), dtype=np.float32)


def test_a_process_may_score_before_it_trains(detector: Detector, tmp_path: Path) -> None:
    """Fresh matrices made while scoring must serve training, too: in a process of its own."""
    place = tmp_path / "model"
    place.write_bytes(bundle.dump(detector))
    program = (
        "import sys, pathlib, numpy as np\n"
        "from tests.unit.model.scoring.test_detector import fitted, plant, windows\n"
        "from tfstream.model import bundle\n"
        "from tfstream.model.detector_config import DetectorConfig\n"
        "bundle.load(pathlib.Path(sys.argv[1]).read_bytes()).measure(windows(plant(200)), ['x'] * 18)\n"
        "fitted(plant(400), DetectorConfig(steps=2))\n"
    )
    subprocess.run([sys.executable, "-c", program, str(place)], check=True, timeout=120)


def test_a_bundle_of_another_format_says_so(detector: Detector) -> None:
    whole = bundle.dump(detector)
    other = whole.replace(b'\\"format\\":%d' % bundle.FORMAT, b'\\"format\\":1', 1)
    assert other != whole
    with pytest.raises(BadData, match=f"format 1; this program reads format {bundle.FORMAT}: train a new"):
        bundle.load(other)


@pytest.mark.parametrize("channels", [3, 6, 127])
def test_the_prepared_network_computes_what_the_network_computes(channels: int) -> None:
    """Spectra of the reconstructions of masked windows, and representations of whole windows."""
    torch.manual_seed(3)
    config = DetectorConfig()
    network = TimeFrequencyTransformer(config, channels).eval().requires_grad_(False)
    batch = torch.randn(8, 64, channels)
    with torch.inference_mode():
        views = network(torch.cat([hide(batch, 8), batch]), 8, 16)
        prepared = PreparedNetwork(network, 16, torch.float32)(batch)
        for path, spectra in ((views.time, prepared.time), (views.frequency, prepared.frequency)):
            expected = spectral.magnitudes(path.flatten(0, 1)).reshape(*path.shape[:2], 9, channels)
            torch.testing.assert_close(spectral.sizes(spectra), expected, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(prepared.a, views.a, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(prepared.b, views.b, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("channels", [1, 7, 25, 127])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_prepared_network_does_not_depend_on_the_position_in_the_batch(
    channels: int, dtype: torch.dtype
) -> None:
    """Bit for bit, in either precision."""
    torch.manual_seed(3)
    network = TimeFrequencyTransformer(DetectorConfig(), channels).eval().requires_grad_(False)
    prepared = PreparedNetwork(network, 16, dtype)
    batch, order = torch.randn(CHUNK, 64, channels), torch.randperm(CHUNK)
    with torch.inference_mode():
        straight, shuffled = prepared(batch), prepared(batch[order])
    for expected, result in zip(straight, shuffled, strict=True):
        assert torch.equal(expected[:, order], result)
