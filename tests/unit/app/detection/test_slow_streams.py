"""A slow stream has a window for every row, and the scores and records of a window for each hop."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from tfstream.app.detection.asset_update import AssetEvent, AssetUpdate
from tfstream.app.detection.champion import Champion
from tfstream.app.detection.episode_tracker import EpisodeTracker
from tfstream.app.scoring.event_builder import EventBuilder
from tfstream.core.messages.anomaly_event import EventKind, EventType
from tfstream.core.messages.witness import Witness
from tfstream.core.reading import Reading, Series, Values
from tfstream.core.state import AssetMemory
from tfstream.core.stream import StreamDefinition
from tfstream.core.windowing.partition_tracks import PartitionTracks, TrackEvent, WindowReady
from tfstream.model.detector_config import DetectorConfig
from tfstream.model.fitting.fit import fit
from tfstream.model.scoring.detector import Detector, Measurement

MINUTE = 60_000_000
DEFINITION = StreamDefinition(topic="t", sensors=("flow", "level"), interval_us=MINUTE)
ROWS = 300


def plant(rows: int) -> Values:
    time = np.arange(rows)
    values = np.stack([np.sin(time / 7), np.cos(time / 5)], axis=1)
    values += 0.1 * np.random.default_rng(0).normal(size=values.shape)
    return values.astype(np.float32)


@pytest.fixture(scope="module")
def champion() -> Champion:
    series = [Series("x", np.arange(1600) * MINUTE, plant(1600))]
    config = DetectorConfig(steps=5)
    return Champion(fit(series, DEFINITION.sensors, MINUTE, config, 0, lambda stage, done: None), 1, "0" * 64)


def track_events(champion: Champion, step: int) -> list[TrackEvent]:
    """The events of two assets: "x" has a fault of the level, a gap in its flow, and a silence."""
    tracks = PartitionTracks(DEFINITION, champion.detector.shape._replace(step=step))
    faulty = plant(ROWS)
    faulty[100:130, 1] += 50.0
    faulty[150:173, 0] = np.nan
    events: list[TrackEvent] = []
    for row in range(ROWS):
        for number, values in enumerate((faulty, plant(ROWS))):
            if number == 1 or not 180 <= row < 260:
                reading = Reading("xy"[number], row * MINUTE, values[row].copy())
                events += tracks.push(reading, 2 * row + number)
    return events


def run(
    champion: Champion, events: Sequence[TrackEvent], size: int
) -> tuple[list[AssetUpdate], dict[str, AssetMemory | None]]:
    """All updates and the memories at the end, in batches of ``size`` events."""
    tracker, memories = EpisodeTracker(DEFINITION, champion), dict[str, AssetMemory | None]()
    updates: list[AssetUpdate] = []
    for begin in range(0, len(events), size):
        batch = [AssetEvent(0, memories.get(event.asset), event) for event in events[begin : begin + size]]
        for update in tracker.process_batch(batch):
            memories[update.asset] = update.memory
            updates.append(update)
    return updates, memories


def records(champion: Champion, updates: Sequence[AssetUpdate]) -> list[tuple[bytes | None, bytes | None]]:
    builder = EventBuilder(DEFINITION, champion)
    return [(output.key, output.value) for update in updates for output in builder.outputs(0, update)]


def is_between_hops(champion: Champion, event: TrackEvent) -> bool:
    return isinstance(event, WindowReady) and not champion.detector.shape.ends_hop(event.window.end_index)


def scores(updates: Sequence[AssetUpdate]) -> list[float]:
    windows = [update.window for update in updates if update.window is not None]
    return [window.scored.score for window in windows if window.scored is not None]


@pytest.mark.parametrize("size", [1, 7, 64])
def test_records_and_memories_are_the_same_in_any_batches(champion: Champion, size: int) -> None:
    """The windows of a batch keep their rows until they are scored."""
    events = track_events(champion, champion.detector.shape.step)
    whole, whole_memories = run(champion, events, 10_000)
    by_row, row_memories = run(champion, events, size)
    assert records(champion, by_row) == records(champion, whole)
    assert row_memories == whole_memories
    opened = {
        event.episode.kind for update in by_row for event in update.events if event.event is EventType.OPENED
    }
    assert EventKind.SILENCE in opened
    assert len(opened) > 1  # also the fault of the level


def test_scores_are_those_of_a_window_for_each_hop(champion: Champion) -> None:
    by_hop, _ = run(champion, track_events(champion, champion.detector.hop_rows), 10_000)
    by_row, _ = run(champion, track_events(champion, champion.detector.shape.step), 10_000)
    assert len(by_row) > 5 * len(by_hop)
    assert scores(by_row) == scores(by_hop)


def test_a_window_between_two_hops_has_witnesses_only(champion: Champion) -> None:
    """It is no window without a score either: the monitor counts windows that have an update's ``window``."""
    tracker, memories = EpisodeTracker(DEFINITION, champion), dict[str, AssetMemory | None]()
    quiet, heard = 0, set[Witness | None]()
    for event in track_events(champion, champion.detector.shape.step):
        before = memories.get(event.asset)
        (update,) = tracker.process_batch([AssetEvent(0, before, event)])
        memories[event.asset] = update.memory
        if not is_between_hops(champion, event):
            continue
        assert update.window is None
        heard |= {each.episode.witness for each in update.events}
        if before is not None and update.memory is not None and not update.events:
            assert update.memory.witnesses != before.witnesses
            assert update.memory.witness_index == before.witness_index + 1
            assert update.memory.terms == before.terms
            assert update.memory.baseline == before.baseline
            quiet += 1
    assert quiet > 300
    assert not heard.isdisjoint({Witness.ERRORS, Witness.LEVELS, Witness.INSTRUMENT})


def test_only_windows_at_the_end_of_a_hop_are_measured(
    champion: Champion, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured: list[int] = []

    def measure(self: Detector, windows: Values, assets: Sequence[str]) -> Measurement:
        measured.append(len(assets))
        return original(self, windows, assets)

    original = Detector.measure
    monkeypatch.setattr(Detector, "measure", measure)
    events = track_events(champion, champion.detector.shape.step)
    between = [event for event in events if is_between_hops(champion, event)]
    run(champion, between, 50)
    assert measured == []
    run(champion, [event for event in events if not is_between_hops(champion, event)], 50)
    assert sum(measured) > 30
