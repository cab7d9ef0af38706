"""A series scored at once against the same series as a stream."""

from __future__ import annotations

import dataclasses

import msgspec
import numpy as np
import pytest

from tests.score_alarms import raise_alarms
from tfstream.app.detection.score_batch import ScoringInput, score_batch, scoreable
from tfstream.app.detection.score_series import HopScores, score_series, series_windows, spread
from tfstream.core.alarms.alarm_rule import AlarmRule
from tfstream.core.reading import Series, Values
from tfstream.core.stream import StreamDefinition
from tfstream.core.windowing.asset_track import AssetTrack
from tfstream.core.windowing.window import align
from tfstream.model.detector_config import DetectorConfig
from tfstream.model.fitting.fit import fit
from tfstream.model.scoring.detector import Detector

SECOND = 1_000_000
SENSORS = ("a", "b", "c")
DEFINITION = StreamDefinition(topic="t", sensors=SENSORS, interval_us=SECOND)


def plant(rows: int) -> Values:
    rng = np.random.default_rng(0)
    time = np.arange(rows)[:, None]
    values: Values = np.sin(time / np.array([5, 11, 17])) + 0.1 * rng.normal(size=(rows, 3))
    return values.astype(np.float32)


@pytest.fixture(scope="module")
def detector() -> Detector:
    values = plant(800)
    series = [Series("x", np.arange(800) * SECOND, values)]
    return fit(series, SENSORS, SECOND, DetectorConfig(steps=10), 0, lambda stage, done: None)


def gappy() -> Values:
    values = plant(700)
    values[200:203, 1] = np.nan
    values[300:330] = np.nan
    values[400:, 2] = np.nan
    return values


def test_scores_are_those_of_the_stream(detector: Detector) -> None:
    """Rows one by one through grid and window, windows one by one through the detector."""
    values = gappy()
    track = AssetTrack(DEFINITION, detector.shape)
    streamed: list[tuple[int, float]] = []
    before = None
    for row, reading in enumerate(values):
        for window in track.push(row * SECOND, reading.copy(), row, row * SECOND):
            if scoreable(window.values, detector):
                (scored,) = score_batch(detector, [ScoringInput(0, "x", window, before)])
                before = scored.terms
                streamed.append((scored.terms.end_index, scored.score))
    _, aligned = align(np.arange(700) * SECOND, values, interval_us=SECOND, staleness=5)
    hops = score_series(detector, "x", aligned)
    # The last row lacks a sensor for good, so that the stream still waits for it.
    assert list(zip(hops.end_index.tolist(), hops.scores.tolist(), strict=True))[: len(streamed)] == streamed
    assert len(hops.scores) - len(streamed) <= 1


@pytest.mark.parametrize("step", [1, 8])
def test_windows_are_those_of_the_stream(detector: Detector, step: int) -> None:
    values, shape = gappy()[:390], detector.shape._replace(step=step)
    track = AssetTrack(DEFINITION, shape)
    streamed = [
        (window.end_index, window.values.tobytes())
        for row, reading in enumerate(values)
        for window in track.push(row * SECOND, reading.copy(), row, row * SECOND)
    ]
    _, aligned = align(np.arange(390) * SECOND, values, interval_us=SECOND, staleness=5)
    windows = [(window.end_index, window.values.tobytes()) for window in series_windows(aligned, shape)]
    assert windows == streamed
    assert [end for end, _ in windows] == list(range(63, 390, step))


def test_slow_streams_have_the_same_scores(detector: Detector) -> None:
    slow = dataclasses.replace(detector, interval_us=60 * SECOND)
    assert (detector.shape.step, slow.shape.step) == (8, 1)
    fast_hops, slow_hops = score_series(detector, "x", gappy()), score_series(slow, "x", gappy())
    np.testing.assert_array_equal(slow_hops.end_index, fast_hops.end_index)
    np.testing.assert_array_equal(slow_hops.scores, fast_hops.scores)


def test_every_row_has_the_score_of_its_hop() -> None:
    hops = HopScores(np.array([63, 71, 87]), np.array([1.0, 2.0, 4.0]))  # the hop that ends with row 79 lacks
    rows = spread(hops, hop_rows=8, rows=93)
    assert rows[:64].tolist() == [1.0] * 64
    assert rows[64:80].tolist() == [2.0] * 16
    assert rows[80:].tolist() == [4.0] * 13
    with pytest.raises(ValueError, match="no score"):
        spread(HopScores(np.empty(0, np.int64), np.empty(0)), hop_rows=8, rows=5)


def test_alarms_come_from_watched_rows_only(detector: Detector) -> None:
    rule = AlarmRule(
        calibration=msgspec.structs.replace(detector.calibration, separation_rows=64),
        budget_per_week=1.0,
        interval_us=SECOND,
        hop_rows=detector.hop_rows,
    )
    scores = np.full(100, detector.calibration.pooled.center)
    scores[10:12] = scores[80:] = 1e4
    hops = HopScores(np.arange(100) * 8 + 63, scores)
    early, late = raise_alarms(rule, "x", hops, first_row=0)
    assert early == (136, 144, 152)
    assert late == (63 + 1 + 79 * 8, 63 + 1 + 80 * 8, 63 + 1 + 99 * 8)  # still open, it ends with the series
    assert raise_alarms(rule, "x", hops, first_row=400) == [late]


def test_an_alarm_is_raised_at_the_end_of_its_minimum_duration(detector: Detector) -> None:
    rule = AlarmRule(
        calibration=msgspec.structs.replace(detector.calibration, separation_rows=64),
        budget_per_week=1.0,
        interval_us=SECOND,
        hop_rows=detector.hop_rows,
        min_duration_us=16 * SECOND,
    )
    scores = np.full(100, detector.calibration.pooled.center)
    scores[10], scores[50:53], scores[99] = 1e4, 1e4, 1e4
    (alarm,) = raise_alarms(rule, "x", HopScores(np.arange(100) * 8 + 63, scores), first_row=0)
    assert alarm == (456, 472, 480)


def test_a_series_shorter_than_a_window_has_no_score(detector: Detector) -> None:
    assert len(score_series(detector, "x", plant(40)).scores) == 0
