"""A shift that stays: an alarm, then quiet; within it other alarms of their own; it ends at home."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
import pytest

from tests.studies.simulated_readings import readings
from tfstream.app.detection.asset_update import AssetEvent, AssetUpdate
from tfstream.app.detection.champion import Champion
from tfstream.app.detection.episode_tracker import EpisodeTracker
from tfstream.app.detection.score_series import series_windows
from tfstream.app.scoring.event_builder import EventBuilder
from tfstream.core.messages.anomaly_event import AnomalyEvent, EventType
from tfstream.core.reading import Series, Values
from tfstream.core.state import AssetMemory, encode
from tfstream.core.stream import StreamDefinition
from tfstream.core.windowing.partition_tracks import WindowReady
from tfstream.model.detector_config import DetectorConfig
from tfstream.model.fitting.fit import fit

MINUTE = 60_000_000
SENSORS = tuple(f"s{i}" for i in range(12))
DEFINITION = StreamDefinition(topic="t", sensors=SENSORS, interval_us=MINUTE)
LEARNT = 6000
ROWS = 3000  # that are watched
SHIFT, FAULT, FAULT_ENDS, HOME = 300, 1500, 1620, 2200
HALF_DAY = 720


@pytest.fixture(scope="module")
def values() -> Values:
    return readings(LEARNT + ROWS, len(SENSORS), seed=2)


@pytest.fixture(scope="module")
def champion(values: Values) -> Champion:
    series = [Series("x", np.arange(LEARNT) * MINUTE, values[:LEARNT])]
    return Champion(fit(series, SENSORS, MINUTE, DetectorConfig(steps=20), 0, lambda *_: None), 1, "0" * 64)


@pytest.fixture(scope="module")
def faulty(values: Values) -> Values:
    unit = values[:LEARNT].std(axis=0)
    changed = values[LEARNT:].copy()
    changed[SHIFT:HOME, 2] += 3 * unit[2]
    changed[SHIFT:HOME, 5] -= 4 * unit[5]
    changed[FAULT:FAULT_ENDS, 7] += 3 * unit[7]
    return changed


def follow(champion: Champion, values: Values, size: int) -> tuple[list[AssetUpdate], AssetMemory | None]:
    """All updates in batches of ``size`` windows; the memory goes through its bytes after each batch."""
    tracker = EpisodeTracker(DEFINITION, champion)
    windows = list(series_windows(values, champion.detector.shape))
    updates: list[AssetUpdate] = []
    memory: AssetMemory | None = None
    for at in range(0, len(windows), size):
        batch = [AssetEvent(0, memory, WindowReady("x", window)) for window in windows[at : at + size]]
        updates += tracker.process_batch(batch)
        memory = updates[-1].memory
        if memory is not None:
            memory = msgspec.json.decode(encode(memory), type=AssetMemory)
    return updates, memory


def records(champion: Champion, updates: Sequence[AssetUpdate]) -> list[bytes | None]:
    builder = EventBuilder(DEFINITION, champion)
    return [output.value for update in updates for output in builder.outputs(0, update)]


def events(champion: Champion, updates: Sequence[AssetUpdate]) -> list[AnomalyEvent]:
    """The events of anomalies, the oldest first."""
    builder = EventBuilder(DEFINITION, champion)
    return [
        msgspec.json.decode(builder.event(0, update.asset, event).value or b"", type=AnomalyEvent)
        for update in updates
        for event in update.events
    ]


@pytest.fixture(scope="module")
def whole(champion: Champion, faulty: Values) -> list[AssetUpdate]:
    return follow(champion, faulty, ROWS)[0]


def row_of(time: str | None) -> int:
    assert time is not None
    day, clock = time.removesuffix("Z").split("T")
    hours, minutes, _ = clock.split(":")
    return (int(day[-2:]) - 1) * 1440 + int(hours) * 60 + int(minutes)


def test_a_shift_raises_one_alarm_that_stands_after_half_a_day(
    champion: Champion, whole: list[AssetUpdate]
) -> None:
    opened = [event for event in events(champion, whole) if event.event is EventType.OPENED]
    assert SHIFT <= row_of(opened[0].started_at) <= SHIFT + 16
    assert {opened[0].sensors[0].name} <= {"s2", "s5"}
    (stands,) = [
        event
        for event in events(champion, whole)
        if event.standing_since is not None and event.event is EventType.UPDATED
    ]
    assert stands.anomaly_id == opened[0].anomaly_id
    assert row_of(stands.standing_since) - SHIFT == pytest.approx(HALF_DAY, abs=16)
    assert all(row_of(event.started_at) >= FAULT for event in opened[1:])


def test_a_fault_within_it_is_an_alarm_of_its_own_that_names_it(
    champion: Champion, whole: list[AssetUpdate]
) -> None:
    first, within = [event for event in events(champion, whole) if event.event is EventType.OPENED]
    assert FAULT <= row_of(within.started_at) <= FAULT + 16
    assert within.sensors[0].name == "s7"
    assert within.within == first.anomaly_id
    assert first.within is None


def test_both_end_the_fault_with_its_rows_and_the_shift_at_home(
    champion: Champion, whole: list[AssetUpdate]
) -> None:
    closed = [event for event in events(champion, whole) if event.event is EventType.CLOSED]
    fault, shift = (row_of(event.ended_at) for event in closed)
    assert FAULT_ENDS <= fault <= FAULT_ENDS + 64
    assert HOME <= shift <= HOME + 64


def test_an_alarm_within_it_shows_shifted_sensors_as_they_are(
    champion: Champion, whole: list[AssetUpdate], faulty: Values
) -> None:
    """The score sees the window without the shift; people see what the sensor shows."""
    named = [
        sensor
        for event in events(champion, whole)
        if event.within
        for sensor in event.sensors
        if sensor.name == "s5"
    ]
    usual = faulty[:SHIFT, 5].mean()
    shown = faulty[FAULT:FAULT_ENDS, 5]
    assert named
    for sensor in named:
        assert shown.min() <= (sensor.actual or 0.0) <= shown.max() < usual


def test_it_ends_with_a_model_that_has_learnt_the_shift(champion: Champion, values: Values) -> None:
    """As after the label ``new-normal`` and a refit."""
    unit = values[:LEARNT].std(axis=0)
    shift = np.zeros(len(SENSORS), dtype=np.float32)
    shift[[2, 5]] = 3 * unit[2], -4 * unit[5]
    learnt = [Series("x", np.arange(LEARNT) * MINUTE, values[:LEARNT] + shift)]
    newer = Champion(fit(learnt, SENSORS, MINUTE, DetectorConfig(steps=20), 0, lambda *_: None), 2, "1" * 64)
    changed = values[LEARNT:].copy()
    changed[SHIFT:] += shift
    windows = list(series_windows(changed, champion.detector.shape))
    memory: AssetMemory | None = None
    seen: list[AnomalyEvent] = []
    for model, some in ((champion, windows[:1400]), (newer, windows[1400:])):
        batch = [AssetEvent(0, memory, WindowReady("x", window)) for window in some]
        updates = EpisodeTracker(DEFINITION, model).process_batch(batch)
        memory = updates[-1].memory
        seen += events(model, updates)
    opened = [event for event in seen if event.event is EventType.OPENED]
    (closed,) = [event for event in seen if event.event is EventType.CLOSED]
    assert [event.anomaly_id for event in opened] == [closed.anomaly_id]
    assert row_of(closed.ended_at) <= 1600


@pytest.mark.parametrize("size", [7, 37])
def test_records_are_the_same_in_any_batches_and_after_any_restart(
    champion: Champion, faulty: Values, whole: list[AssetUpdate], size: int
) -> None:
    parts, _ = follow(champion, faulty, size)
    assert records(champion, parts) == records(champion, whole)


def test_nothing_is_remembered_of_a_calm_asset(champion: Champion, values: Values) -> None:
    _, memory = follow(champion, values[LEARNT : LEARNT + 1000], 256)
    assert memory is not None
    assert (memory.shifts, memory.standing) == (None, ())
