"""A model that does not fit the stream or this program is refused, and the difference is named."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec
import numpy as np
import pytest
from safetensors.torch import load, save

from tfstream.app.detection import champion as champions
from tfstream.core.reading import Series
from tfstream.core.stream import StreamDefinition
from tfstream.errors import BadData, ConfigurationError
from tfstream.model import bundle
from tfstream.model.detector_config import DetectorConfig
from tfstream.model.fitting.fit import fit
from tfstream.model.scoring.detector import Detector
from tfstream.storage.models import ModelRow

SECOND = 1_000_000
SENSORS = ("a", "b", "c")
DEFINITION = StreamDefinition(topic="t", sensors=SENSORS, interval_us=SECOND)


@pytest.fixture(scope="module")
def detector() -> Detector:
    values = np.random.default_rng(0).normal(size=(400, 3)).astype(np.float32)
    series = [Series("x", np.arange(400) * SECOND, values)]
    return fit(series, SENSORS, SECOND, DetectorConfig(steps=2), 0, lambda stage, done: None)


def test_configurations_differ_by_every_setting_that_scores_depend_on() -> None:
    usual = DetectorConfig()
    changed = msgspec.structs.replace(usual, hop_rows=16)
    assert (changed.scoring == usual.scoring, changed.sha256 == usual.sha256) == (False, False)
    quick = msgspec.structs.replace(usual, steps=3)
    assert (quick.scoring == usual.scoring, quick.sha256 == usual.sha256) == (True, False)


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        ({"sensors": (*SENSORS, "d")}, "only the stream has d"),
        ({"sensors": ("b", "a", "c")}, r"moved: a \(1 in the model, 2 in the stream\)"),
        ({"interval_us": 5 * SECOND}, "an interval of 1 s in the model, of 5 s in the stream"),
    ],
)
def test_a_model_of_another_stream_is_refused(detector: Detector, changed: dict[str, Any], text: str) -> None:
    row = stored(bundle.dump(detector))
    assert champions.load(row, DEFINITION).version == 3
    with pytest.raises(ConfigurationError, match=f"version 3 does not fit stream t .*{text}"):
        champions.load(row, dataclasses.replace(DEFINITION, **changed))


def test_a_model_with_other_scoring_settings_is_refused(detector: Detector) -> None:
    config = msgspec.structs.replace(detector.config, memory_rows=12)
    row = stored(bundle.dump(dataclasses.replace(detector, config=config)))
    with pytest.raises(ConfigurationError, match=r"memory_rows: 12 in the model, 6 here"):
        champions.load(row, DEFINITION)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda header: header["config"].pop("hop_rows"), "only this program has hop_rows"),
        (lambda header: header["config"].update(depth=4), "only the model has depth"),
        (lambda header: header["config"].update(hop_rows=16), "settings do not match their sha256"),
        (lambda header: header["sensors"].reverse(), "sensors do not match their sha256"),
    ],
)
def test_an_altered_header_is_refused(
    detector: Detector, change: Callable[[dict[str, Any]], object], text: str
) -> None:
    whole = bundle.dump(detector)
    header = header_of(whole)
    change(header)
    altered = save(load(whole), {"tfstream": msgspec.json.encode(header).decode()})
    with pytest.raises(BadData, match=text):
        bundle.load(altered)


def header_of(whole: bytes) -> dict[str, Any]:
    length = int.from_bytes(whole[:8], "little")
    header: dict[str, Any] = msgspec.json.decode(
        msgspec.json.decode(whole[8 : 8 + length])["__metadata__"]["tfstream"]
    )
    return header


def stored(whole: bytes) -> ModelRow:
    moment = datetime(2026, 1, 5, tzinfo=UTC)
    return ModelRow(
        version=3,
        status="champion",
        reason=None,
        metrics={},
        sha256=bundle.sha256(whole),
        trained_from=moment,
        trained_until=moment,
        rows=400,
        seed=0,
        created_at=moment,
        bundle=whole,
    )
