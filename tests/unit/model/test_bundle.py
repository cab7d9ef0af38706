"""A detector as bytes: what a bundle holds, and what is refused."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors

from tests.unit.model.small_detector import (
    fitted,
    plant,
    scored,
    windows,
)
from tests.unit.model.witnesses.mixed_plant import fit_to_mixed
from tfstream.errors import BadData
from tfstream.model import bundle
from tfstream.model.detector_config import DetectorConfig
from tfstream.model.network.transformer import TimeFrequencyTransformer
from tfstream.model.scoring.detector import Detector
from tfstream.model.witnesses.advance import NewRows, advance


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


def test_a_bundle_gives_the_same_witnesses(detector: Detector) -> None:
    again = bundle.load(bundle.dump(detector))
    assert again.witnesses.tails == detector.witnesses.tails
    assert detector.witnesses.grids
    new = NewRows("x", None, plant(100, seed=10), 99)
    states = [advance(each.witnesses.grids, each.scaler, [new]).states.encode() for each in (detector, again)]
    assert states[0] == states[1]


def test_a_bundle_keeps_the_assets_own_comparisons(detector: Detector) -> None:
    own = replace(detector, witnesses=fit_to_mixed("x", "y").model)
    stored = bundle.dump(own)
    again = bundle.load(stored)
    assert bundle.dump(again) == stored
    for grid, expected in zip(again.witnesses.grids, own.witnesses.grids, strict=True):
        assert {number: each.assets for number, each in grid.own.items()} == {2: ("x", "y"), 3: ("x", "y")}
        for number, each in expected.own.items():
            for name in ("sensors", "weights", "root", "usual"):
                np.testing.assert_array_equal(getattr(grid.own[number], name), getattr(each, name))


def test_a_bundle_from_before_own_comparisons_is_read(detector: Detector) -> None:
    whole = bundle.dump(detector)
    header = json.loads(whole[8 : 8 + int.from_bytes(whole[:8], "little")])["__metadata__"]["tfstream"]
    settings = {**json.loads(header), "format": 6}
    del settings["own_assets"], settings["own_refused"]
    older = save_tensors(load_tensors(whole), {"tfstream": json.dumps(settings)})
    assert older != whole
    assert bundle.dump(bundle.load(older)) == whole


@pytest.mark.parametrize("damage", [lambda b: b[:100], lambda b: b"", lambda b: b"x" * 500, lambda b: b[:-8]])
def test_a_damaged_bundle_is_refused(detector: Detector, damage: object) -> None:
    with pytest.raises(BadData, match="damaged"):
        bundle.load(damage(bundle.dump(detector)))  # type: ignore[operator]


def test_a_bundle_without_one_of_its_tensors_is_refused(detector: Detector) -> None:
    whole = bundle.dump(detector)
    header = json.loads(whole[8 : 8 + int.from_bytes(whole[:8], "little")])["__metadata__"]
    tensors = load_tensors(whole)
    for name in ("scaler.scale", "agreement.usual", "witness.0.2.root"):
        rest = {each: tensor for each, tensor in tensors.items() if each != name}
        assert len(rest) == len(tensors) - 1
        with pytest.raises(BadData, match="damaged"):
            bundle.load(save_tensors(rest, header))


def test_a_pickle_in_a_bundles_place_is_never_run() -> None:
    class Trap:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return exec, ("raise SystemExit('run')",)

    with pytest.raises(BadData, match="damaged"):
        bundle.load(pickle.dumps(Trap()))


def test_a_process_may_score_before_it_trains(detector: Detector, tmp_path: Path) -> None:
    """Fresh matrices made while scoring must serve training, too: in a process of its own."""
    place = tmp_path / "model"
    place.write_bytes(bundle.dump(detector))
    program = (
        "import sys, pathlib, numpy as np\n"
        "from tests.unit.model.small_detector import fitted, plant, windows\n"
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
    with pytest.raises(
        BadData, match=f"format 1; this program reads the formats 6 and {bundle.FORMAT}: train a new"
    ):
        bundle.load(other)
