"""Instruments in the product: their own alarm, and a process that does not see a sensor that is out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from tfstream.app.detection.asset_update import AssetEvent, AssetUpdate
from tfstream.app.detection.champion import Champion
from tfstream.app.detection.episode_tracker import EpisodeTracker
from tfstream.app.detection.score_series import series_episodes
from tfstream.app.scoring.event_builder import EventBuilder
from tfstream.core.alarms.episode import Episode
from tfstream.core.messages.anomaly_event import EventKind, EventType
from tfstream.core.messages.witness import Witness
from tfstream.core.reading import Reading, Series, Values
from tfstream.core.state import AssetMemory, AssetState, decode_asset, encode
from tfstream.core.stream import StreamDefinition
from tfstream.core.windowing.asset_track import TrackState
from tfstream.core.windowing.partition_tracks import PartitionTracks, TrackEvent, WindowReady
from tfstream.model.detector_config import DetectorConfig
from tfstream.model.fitting.fit import fit

SECOND = 1_000_000
SENSORS = ("flow", "level", "pressure", "power", "energy", "grade")
LEARNT, ROWS = 4000, 1800
SLOW = 30  # rows between two values of the grade
RARE = 200  # the same where a window may lie between two values
INTERVALS = (SECOND, 60 * SECOND)
Watched = tuple[StreamDefinition, Champion]


def plant(first: int, rows: int, seed: int, every: int = SLOW) -> Values:
    """Four sensors that move together, a counter of the power, and a sensor with a value in few rows."""
    rng = np.random.default_rng(seed)
    time = np.arange(first, first + rows)[:, None]
    sources = np.concatenate([np.sin(time / 9), np.cos(time / 31)], axis=1)
    mixing = np.random.default_rng(7).normal(size=(2, 4))
    moving = 5.0 + sources @ mixing + 0.1 * rng.normal(size=(rows, 4))
    energy = 100.0 + 0.05 * first + np.cumsum(np.abs(moving[:, 3:]) / 100, axis=0)
    grade = 3.0 + 0.1 * rng.normal(size=(rows, 1))
    grade[np.arange(first, first + rows) % every != 0] = np.nan
    return np.concatenate([moving, energy, grade], axis=1).astype(np.float32)


def filled(values: Values) -> Values:
    """The rows as the grid fills them: a missing cell has the last value for five rows."""
    values = values.copy()
    for _ in range(5):
        missing = np.isnan(values[1:])
        values[1:][missing] = values[:-1][missing]
    return values


def define(interval_us: int) -> StreamDefinition:
    return StreamDefinition(topic="t", sensors=SENSORS, interval_us=interval_us)


@pytest.fixture(scope="module", params=INTERVALS)
def watched(request: pytest.FixtureRequest) -> Watched:
    return learn(int(request.param), SLOW)


@pytest.fixture(scope="module")
def rare() -> Watched:
    return learn(SECOND, RARE)


def learn(interval_us: int, every: int) -> Watched:
    times = np.arange(LEARNT, dtype=np.int64) * interval_us
    series = [Series("x", times, filled(plant(0, LEARNT, 0, every)))]
    detector = fit(series, SENSORS, interval_us, DetectorConfig(steps=5), 0, lambda stage, done: None)
    return define(interval_us), Champion(detector, 1, "0" * 64)


def events_of(watched: Watched, values: Values) -> list[TrackEvent]:
    definition, champion = watched
    tracks = PartitionTracks(definition, champion.detector.shape)
    return [
        event
        for row, reading in enumerate(values)
        if not np.isnan(reading).all()
        for event in tracks.push(Reading("x", (LEARNT + row) * definition.interval_us, reading.copy()), row)
    ]


def run(
    watched: Watched, events: Sequence[TrackEvent], size: int = 64, *, restart: bool = False
) -> list[AssetUpdate]:
    """All updates in batches of ``size`` events; with ``restart`` every batch begins from stored bytes."""
    tracker, memory = EpisodeTracker(*watched), None
    updates: list[AssetUpdate] = []
    for begin in range(0, len(events), size):
        batch = [AssetEvent(0, memory, event) for event in events[begin : begin + size]]
        updates += tracker.process_batch(batch)
        memory = stored(updates[-1].memory) if restart else updates[-1].memory
    return updates


def stored(memory: AssetMemory | None) -> AssetMemory | None:
    track = TrackState(max_time_us=0, heard_us=0, next_index=0, started=True, late=0, anchor=None)
    return decode_asset(encode(AssetState(track=track, silent=False, memory=memory))).memory


def opened(updates: Sequence[AssetUpdate]) -> list[Episode]:
    return [
        event.episode
        for update in updates
        for event in update.events
        if event.event is EventType.OPENED and event.episode.kind is not EventKind.SILENCE
    ]


def silences(updates: Sequence[AssetUpdate]) -> list[Episode]:
    events = [event for update in updates for event in update.events]
    return [event.episode for event in events if event.episode.kind is EventKind.SILENCE]


def stuck(values: Values, sensor: int, first: int, last: int) -> Values:
    values = values.copy()
    values[first:last, sensor] = values[first, sensor]
    return values


def row_of(episode: Episode, definition: StreamDefinition) -> int:
    return episode.last_us // definition.interval_us - LEARNT


def test_normal_rows_with_a_counter_and_a_slow_sensor_raise_nothing(watched: Watched) -> None:
    values = plant(LEARNT, ROWS, 1)
    values[600:, 4] -= values[600, 4]  # an exchanged meter
    updates = run(watched, events_of(watched, values))
    assert opened(updates) == []
    assert silences(updates) == []


def test_a_slow_sensor_that_stops_is_silent_after_more_than_its_longest_gap(watched: Watched) -> None:
    values = plant(LEARNT, ROWS, 1)
    values[601:, 5] = np.nan
    first, *_ = silences(run(watched, events_of(watched, values)))
    assert [sensor.name for sensor in first.sensors] == ["grade"]
    last_value = (LEARNT + 600) // SLOW * SLOW - LEARNT
    gap = row_of(first, watched[0]) - last_value
    assert 1.5 * SLOW - 8 <= gap <= 1.5 * SLOW + 8


@pytest.mark.parametrize("restart", [False, True])
def test_a_sensor_that_sends_less_than_once_in_a_window_is_silent_when_it_stops(
    rare: Watched, restart: bool
) -> None:
    values = plant(LEARNT, ROWS, 1, RARE)
    assert silences(run(rare, events_of(rare, values))) == []
    values[601:, 5] = np.nan
    first, *_ = silences(run(rare, events_of(rare, values), restart=restart))
    assert [sensor.name for sensor in first.sensors] == ["grade"]
    assert 1.5 * RARE - 8 <= row_of(first, rare[0]) - 600 <= 1.5 * RARE + 8


def test_a_gap_of_the_whole_asset_does_not_count_against_a_slow_sensor(rare: Watched) -> None:
    values = plant(LEARNT, ROWS, 1, RARE)
    values[610:1010] = np.nan  # the value of row 1000 is lost; the next one comes in row 1200
    assert silences(run(rare, events_of(rare, values))) == []


def test_a_stuck_sensor_has_an_alarm_of_its_own_that_says_what_was_seen(watched: Watched) -> None:
    definition, champion = watched
    updates = run(watched, events_of(watched, stuck(plant(LEARNT, ROWS, 1), 1, 300, 600)))
    (episode,) = [each for each in opened(updates) if Witness.INSTRUMENT in each.witnesses]
    assert episode.kind is EventKind.INSTRUMENT
    assert [sensor.name for sensor in episode.sensors] == ["level"]
    assert 300 <= row_of(episode, definition) <= 330
    assert episode.reason is not None
    assert episode.reason.startswith("level: stuck at ")
    assert "longest before" in episode.reason
    assert episode.score >= episode.threshold == 1.0
    assert 0 <= episode.expected_per_week <= 1.0
    (closed,) = [
        event.episode
        for update in updates
        for event in update.events
        if event.event is EventType.CLOSED and Witness.INSTRUMENT in event.episode.witnesses
    ]
    assert 590 <= row_of(closed, definition) <= 610
    builder = EventBuilder(definition, champion)
    masked = [update.window.masked for update in updates if update.window is not None]
    assert sum("level" in names for names in masked) >= (300 - 30) / 8
    assert b'"masked":["level"' in b"".join(
        out.value or b"" for u in updates for out in builder.outputs(0, u)
    )


def test_a_process_fault_is_found_while_a_sensor_is_stuck_and_does_not_name_it(watched: Watched) -> None:
    values = stuck(plant(LEARNT, ROWS, 1), 1, 300, 1000)
    values[700:800, 0] += 4.0
    values[700:800, 3] -= 4.0
    instruments: list[Episode] = []
    process: list[Episode] = []
    for episode in opened(run(watched, events_of(watched, values))):
        (instruments if Witness.INSTRUMENT in episode.witnesses else process).append(episode)
    assert [sensor.name for sensor in instruments[0].sensors] == ["level"]
    found = [each for each in process if 700 <= row_of(each, watched[0]) <= 816]
    assert found
    assert all("level" not in each.main_sensors for each in found)
    assert found[0].sensors[0].name in ("flow", "power")


def test_an_alarm_of_the_process_about_a_stuck_sensor_becomes_that_of_the_instrument(
    watched: Watched,
) -> None:
    """A sensor that jumps away and then stands still: the score speaks first, the run length later."""
    values = plant(LEARNT, ROWS, 1)
    values[300:600, 1] = values[:, 1].mean() + 1.5
    updates = run(watched, events_of(watched, values))
    events = [event for update in updates for event in update.events]
    about_level = [event for event in events if event.episode.main_sensors[:1] == ("level",)]
    assert about_level[0].event is EventType.OPENED
    taken = [event for event in about_level if event.episode.reason and "stuck" in event.episode.reason]
    assert taken[0].episode.kind is EventKind.INSTRUMENT
    assert taken[0].episode.started_us == about_level[0].episode.started_us
    assert len({event.episode.started_us for event in about_level}) == 1


def test_a_sensor_far_out_of_its_range_raises_no_alarm_of_its_neighbours(watched: Watched) -> None:
    values = plant(LEARNT, ROWS, 1)
    values[300:600, 1] = 500.0 + values[300:600, 0]
    episodes = opened(run(watched, events_of(watched, values)))
    assert episodes
    assert all(each.main_sensors == ("level",) for each in episodes)
    assert all(each.kind is EventKind.INSTRUMENT for each in episodes)


def test_a_dead_sensor_is_found(watched: Watched) -> None:
    values = plant(LEARNT, ROWS, 1)
    values[300:600, 2] = 0.0
    events = [event for update in run(watched, events_of(watched, values)) for event in update.events]
    reasons = {event.episode.reason for event in events if event.episode.kind is EventKind.INSTRUMENT}
    assert any(reason and reason.startswith("pressure: dead at 0") for reason in reasons)


def faulty() -> Values:
    values = stuck(plant(LEARNT, ROWS, 1), 1, 300, 700)
    values[350:450, 2] = 0.0
    values[500:530, 0] += 4.0
    values[640:700, 3] = np.nan
    values[900:1000] = np.nan
    return values


@pytest.mark.parametrize("size", [1, 5])
def test_a_restart_after_any_batch_changes_no_record(watched: Watched, size: int) -> None:
    definition, champion = watched
    events, builder = events_of(watched, faulty()), EventBuilder(definition, champion)
    whole, restarted = run(watched, events, 10_000), run(watched, events, size, restart=True)
    records = [
        [(each.key, each.value) for update in updates for each in builder.outputs(0, update)]
        for updates in (whole, restarted)
    ]
    assert records[0] == records[1]
    assert whole[-1].memory == restarted[-1].memory
    ids = {each.started_us for each in opened(whole)}
    assert len(ids) >= 2


def test_a_series_has_the_alarms_of_the_stream(watched: Watched) -> None:
    definition, champion = watched
    values = filled(faulty()[:880])
    raised = series_episodes(definition, champion.detector, Series("x", np.arange(880), values))
    windows = [event for event in events_of(watched, faulty()[:880]) if isinstance(event, WindowReady)]
    streamed = opened(run(watched, windows))
    shift_us = LEARNT * definition.interval_us
    assert [(alarm.opened.started_us, alarm.opened.reason) for alarm in raised] == [
        (episode.started_us - shift_us, episode.reason) for episode in streamed
    ]
