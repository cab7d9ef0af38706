"""Which sensor is blamed, and for which band, when a sensor of a small plant is faulty."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
import torch

from tests.studies.quality.attribution import try_faults
from tests.studies.quality.monitored_series import monitor_series
from tfstream.app.detection.score_batch import ScoringInput, score_batch
from tfstream.app.detection.window_evidence import WindowExplainer
from tfstream.core.messages.anomaly_event import SensorShare
from tfstream.core.reading import Series, Values
from tfstream.core.stream import StreamDefinition
from tfstream.core.windowing.asset_track import Window
from tfstream.model.detector_config import DetectorConfig
from tfstream.model.fitting.fit import fit
from tfstream.model.linear.bands import bands, change, step_part
from tfstream.model.scoring.detector import Detector

CHANNELS = 8
STEP_S = 5
SENSORS = tuple(f"s{i}" for i in range(CHANNELS))
DEFINITION = StreamDefinition(topic="plant", sensors=SENSORS, interval_us=STEP_S * 1_000_000)


def plant(rows: int, seed: int = 0) -> Values:
    """Slow swings that all sensors share, each in its own unit and with noise of its own."""
    rng = np.random.default_rng(seed)
    time = np.arange(rows)[:, None]
    sources = np.concatenate([np.sin(time / 7), np.sin(time / 23 + 1), np.cos(time / 11)], axis=1)
    mixing = np.random.default_rng(99).normal(size=(3, CHANNELS))
    units, offsets = 2.0 ** np.arange(CHANNELS), 10.0 * np.arange(CHANNELS)
    values = sources @ mixing + 0.1 * rng.normal(size=(rows, CHANNELS))
    return np.asarray(values * units + offsets, dtype=np.float32)


@pytest.fixture(scope="module")
def detector() -> Detector:
    values = plant(1500)
    series = Series("x", np.arange(len(values)) * DEFINITION.interval_us, values)
    config = DetectorConfig(steps=40)
    return fit([series], SENSORS, DEFINITION.interval_us, config, 0, lambda stage, done: None)


def blamed(detector: Detector, window: Values) -> tuple[SensorShare, ...]:
    scored = score_batch(detector, [ScoringInput(0, "x", Window(63, window, 0, 0), None)])
    return WindowExplainer(DEFINITION, detector).sensors(scored[0])


@pytest.mark.parametrize("faulty", range(CHANNELS))
def test_a_swing_is_explained_by_its_sensor_and_its_band(detector: Detector, faulty: int) -> None:
    window = plant(64, seed=3)
    swing = 2.0 * 2.0**faulty * np.cos(2 * np.pi * np.arange(16) / 4 + 0.4)
    window[-16:, faulty] += swing.astype(np.float32)
    first = blamed(detector, window)[0]
    assert first.name == SENSORS[faulty]
    assert first.share > 0.8
    assert first.band is not None
    assert first.band.longest_s is not None
    assert first.band.shortest_s <= 4 * STEP_S <= first.band.longest_s
    assert first.band.actual == pytest.approx(2.0 * 2.0**faulty, rel=0.25)
    assert first.band.expected < 0.3 * first.band.actual


@pytest.mark.parametrize("rows", [3, 8, 16])
def test_a_shift_is_explained_as_a_change_of_level(detector: Detector, rows: int) -> None:
    """However many of its rows the window has."""
    clean = plant(64, seed=4)
    window = clean.copy()
    window[-rows:, 2] += 2.0 * 4
    first = blamed(detector, window)[0]
    assert first.name == "s2"
    assert first.band is not None
    assert first.band.longest_s is None
    assert first.band.actual == pytest.approx(window[-8:, 2].mean(), rel=1e-4)
    assert first.band.expected == pytest.approx(clean[-8:, 2].mean(), abs=2.0)


def test_a_fault_beyond_the_clip_has_its_real_size(detector: Detector) -> None:
    window = plant(64, seed=5)
    window[-8:, 1] += 1000.0
    first = blamed(detector, window)[0]
    assert first.band is not None
    assert first.band.actual > 1000.0


def test_a_masked_sensor_is_not_blamed(detector: Detector) -> None:
    window = plant(64, seed=6)
    window[-12:, 3] = np.nan
    window[-8:, 4] += 3.0 * 2.0**4
    sensors = blamed(detector, window)
    assert sensors[0].name == "s4"
    assert "s3" not in {sensor.name for sensor in sensors}


def test_two_faulty_sensors_share_the_blame(detector: Detector) -> None:
    window = plant(64, seed=7)
    for channel in (1, 6):
        window[-8:, channel] += 2.0 * 2.0**channel
    sensors = blamed(detector, window)
    assert {sensor.name for sensor in sensors[:2]} == {"s1", "s6"}
    assert sensors[1].share > 0.25
    assert sum(sensor.share for sensor in sensors) == pytest.approx(1, rel=1e-4)


def test_the_faulty_sensor_comes_first(detector: Detector) -> None:
    """Nine kinds of faults through the stream's own alarms; the study has more and real data."""
    values = plant(3000, seed=8)
    monitored = monitor_series(detector, DEFINITION, "x", values, np.ones(len(values), np.bool_), 128)
    trials = [one for one in try_faults(monitored, "small", seed=1, count=54) if one["alarm"]]
    assert len(trials) >= 30
    assert np.mean([one["closed"] == 1 for one in trials]) >= 0.9
    assert np.mean([one["closed"] <= 3 for one in trials]) >= 0.98
    assert np.mean([one["band"] for one in trials if one["band"] is not None]) >= 0.9


def test_bands_cover_all_periods_once() -> None:
    every = bands(16)
    assert [band.bins.start for band in every[1:]] == [band.bins.stop for band in every[:-1]]
    assert every[-1].bins.stop == 9
    assert every[-1].shortest == 2
    assert [band.longest for band in every[1:]] == [band.shortest for band in every[:-1]]


@pytest.mark.parametrize("period", [2.5, 4.0, 7.0, 9.0, 16.0])
def test_a_swing_lies_in_the_band_of_its_period(period: float) -> None:
    swing = torch.sin(2 * torch.pi * torch.arange(16).double() / period + 0.3)
    band = change(10 + swing, torch.full((16,), 10.0).double(), usual=0.01, hop_rows=8)
    assert band.longest is not None
    assert band.shortest <= period <= band.longest


def test_a_step_is_recognised_wherever_it_begins() -> None:
    for rows in range(1, 17):
        step = torch.zeros(16).double()
        step[-rows:] = -3.0
        assert step_part(step) == pytest.approx(1.0)
    spike = torch.zeros(16).double()
    spike[4] = 1.0
    assert step_part(spike) < 0.1


def test_records_without_a_band_can_still_be_read() -> None:
    old = b'{"name": "s0", "share": 0.5, "actual": 1.0, "expected": null}'
    share = msgspec.json.decode(old, type=SensorShare)
    assert share.band is None
    assert msgspec.json.decode(msgspec.json.encode(share), type=SensorShare) == share


def test_a_quiet_window_is_no_evidence_against_a_sensor(detector: Detector) -> None:
    """The price covers the free numbers: 24 free rows always explain noise somewhat better."""
    values = plant(900, seed=5)
    quiet = [detector.explain(values[end - 64 : end], "x")[0].evidence for end in range(100, 900, 16)]
    assert np.median(quiet) < 0.01
