"""The tracker returns changes and writes nothing; a batch gives the same changes as single events."""

from __future__ import annotations

import numpy as np
import pytest

from tfstream.app.detection.asset_update import AssetEvent, AssetUpdate
from tfstream.app.detection.champion import Champion
from tfstream.app.detection.episode_tracker import EpisodeTracker
from tfstream.app.scoring.event_builder import EventBuilder
from tfstream.core.messages.anomaly_event import EventKind, EventType
from tfstream.core.reading import Reading, Series, Values
from tfstream.core.state import AssetMemory, encode
from tfstream.core.stream import StreamDefinition
from tfstream.core.windowing.partition_tracks import (
    AssetForgotten,
    AssetReturned,
    AssetSilent,
    PartitionTracks,
    TrackEvent,
    WindowReady,
)
from tfstream.model.detector_config import DetectorConfig
from tfstream.model.fitting.fit import fit

SECOND = 1_000_000
DEFINITION = StreamDefinition(topic="t", sensors=("flow", "level"), interval_us=SECOND)
ASSETS = ("x", "y")


def plant(rows: int) -> Values:
    time = np.arange(rows)
    values = np.stack([np.sin(time / 7), np.cos(time / 5)], axis=1)
    values += 0.1 * np.random.default_rng(0).normal(size=values.shape)
    return values.astype(np.float32)


@pytest.fixture(scope="module")
def champion() -> Champion:
    series = [Series("x", np.arange(400) * SECOND, plant(400))]
    config = DetectorConfig(steps=5)
    detector = fit(series, DEFINITION.sensors, SECOND, config, 0, lambda stage, done: None)
    return Champion(detector, 1, "0" * 64)


@pytest.fixture(scope="module")
def events(champion: Champion) -> list[TrackEvent]:
    """Windows of two assets with a fault of the level of "x" and a gap in its flow."""
    tracks = PartitionTracks(DEFINITION, champion.detector.shape)
    faulty = plant(200)
    faulty[100:130, 1] += 50.0
    faulty[150:170, 0] = np.nan
    values = {"x": faulty, "y": plant(200)}
    track_events = []
    for row in range(200):
        for number, asset in enumerate(ASSETS):
            reading = Reading(asset, row * SECOND, values[asset][row].copy())
            track_events += tracks.push(reading, 2 * row + number)
    return track_events


def process(
    tracker: EpisodeTracker, events: list[TrackEvent], size: int
) -> tuple[list[AssetUpdate], dict[str, AssetMemory | None]]:
    """All updates and the memories at the end, in batches of ``size`` events."""
    memories: dict[str, AssetMemory | None] = {}
    updates = []
    for begin in range(0, len(events), size):
        batch = [AssetEvent(0, memories.get(event.asset), event) for event in events[begin : begin + size]]
        for update in tracker.process_batch(batch):
            memories[update.asset] = update.memory
            updates.append(update)
    return updates, memories


def test_a_batch_gives_the_same_changes_as_single_events(
    champion: Champion, events: list[TrackEvent]
) -> None:
    tracker, builder = EpisodeTracker(DEFINITION, champion), EventBuilder(DEFINITION, champion)
    assert all(isinstance(event, WindowReady) for event in events)
    single, memories = process(tracker, events, 1)
    for size in (7, len(events)):
        updates, last = process(tracker, events, size)
        outputs = [output for update in updates for output in builder.outputs(0, update)]
        assert outputs == [output for update in single for output in builder.outputs(0, update)]
        assert last == memories
    opened = {
        event.episode.kind for update in single for event in update.events if event.event is EventType.OPENED
    }
    assert EventKind.SILENCE in opened  # of the flow
    assert len(opened) > 1  # and the fault of the level


def test_the_builder_writes_scores_only_if_the_option_is_on(
    champion: Champion, events: list[TrackEvent]
) -> None:
    updates, _ = process(EpisodeTracker(DEFINITION, champion), events, len(events))
    quiet = EventBuilder(DEFINITION, champion, write_scores=False)
    topics = {output.topic for update in updates for output in quiet.outputs(0, update)}
    assert topics == {"t.anomalies"}


def test_the_memory_that_goes_in_stays_as_it_is(champion: Champion, events: list[TrackEvent]) -> None:
    tracker = EpisodeTracker(DEFINITION, champion)
    _, memories = process(tracker, events, len(events))
    memory = memories["x"]
    assert memory is not None
    before = encode(memory)
    update = tracker.process(memory, AssetSilent("x", 200 * SECOND, 400))
    assert encode(memory) == before
    assert update.memory != memory


def test_a_silence_opens_and_closes_and_a_gone_asset_leaves_no_memory(champion: Champion) -> None:
    tracker = EpisodeTracker(DEFINITION, champion)
    silent = tracker.process(None, AssetSilent("x", 10 * SECOND, 5))
    assert [event.event for event in silent.events] == [EventType.OPENED]
    returned = tracker.process(silent.memory, AssetReturned("x", 20 * SECOND, 8))
    assert [event.event for event in returned.events] == [EventType.CLOSED]
    assert returned.memory is not None
    gone = tracker.process(silent.memory, AssetForgotten("x", 30 * SECOND, 9))
    assert [event.event for event in gone.events] == [EventType.CLOSED]
    assert (gone.memory, gone.window) == (None, None)
