"""A scorer that restarts from any commit gives exactly the events of an undisturbed scorer."""

from __future__ import annotations

from typing import NamedTuple

import msgspec
import numpy as np
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tfstream.core.alarms.alarm_rule import AlarmRule, AlarmState, Hop
from tfstream.core.alarms.baseline import Baseline
from tfstream.core.alarms.calibration import Calibration
from tfstream.core.alarms.hop_evidence import NoEvidence
from tfstream.core.reading import Reading
from tfstream.core.state import AssetMemory, AssetState, decode_asset, encode
from tfstream.core.stream import StreamDefinition
from tfstream.core.windowing.partition_tracks import (
    AssetForgotten,
    AssetReturned,
    AssetSilent,
    PartitionTracks,
    TrackEvent,
    WindowReady,
)
from tfstream.core.windowing.window import WindowShape

SHAPE = WindowShape(rows=8, hop=4, step=4)
EVERY_ROW = WindowShape(rows=8, hop=4, step=1)
STEP = 10
DAY = 24 * 3600 * 1_000_000
SENSORS = ("a", "b")


class LoggedReading(NamedTuple):
    asset: str
    time_us: int
    values: tuple[float, float]


@st.composite
def logs(draw: st.DrawFn) -> list[LoggedReading]:
    """Readings of a few assets: mostly regular, with jitter, gaps, jumps, repeats, silences."""
    clock = dict.fromkeys("xyz"[: draw(st.integers(1, 3))], 1000)
    usual = [STEP] * 24 + [0, 3, 2 * STEP, 5 * STEP, 9 * STEP, 40 * STEP, -STEP, -3 * STEP] * 2
    steps = st.sampled_from([*usual, 3 * DAY, 4 * DAY, 8 * DAY])
    cells = st.sampled_from([1.0, 2.0, 3.0, float("nan")])
    messages, sending = [], sorted(clock)
    for _ in range(draw(st.integers(20, 150))):
        if draw(st.integers(0, 15)) == 0:
            sending = draw(st.lists(st.sampled_from(sorted(clock)), min_size=1, unique=True))
        asset = draw(st.sampled_from(sending))
        time_us = max(0, clock[asset] + draw(steps))
        clock[asset] = max(clock[asset], time_us)
        messages.append(LoggedReading(asset, time_us, (draw(cells), draw(cells))))
    return messages


definitions = st.builds(
    lambda lateness, staleness: StreamDefinition(
        topic="t", sensors=SENSORS, interval_us=STEP, lateness_us=lateness, max_staleness_us=staleness
    ),
    st.sampled_from([0, 0, 15, 30]),
    st.sampled_from([STEP, 3 * STEP]),
)


def reading(message: LoggedReading) -> Reading:
    return Reading(message.asset, message.time_us, np.array(message.values, dtype=np.float32))


def comparable(event: TrackEvent) -> object:
    """The event in a form in which NaN equals NaN."""
    if isinstance(event, WindowReady):
        window = event.window
        return (
            event.asset,
            window.end_index,
            window.values.tobytes(),
            window.first_offset,
            window.last_offset,
        )
    return event


def states_of(tracks: PartitionTracks, assets: set[str]) -> dict[str, AssetState]:
    """States of the tracked assets, encoded to the bytes of the state topic and decoded."""
    return {
        asset: decode_asset(
            encode(AssetState(track=tracks.state(asset), silent=asset in tracks.silent, memory=None))
        )
        for asset in assets
        if asset in tracks
    }


def restarted(
    tracks: PartitionTracks,
    log: list[LoggedReading],
    position: int,
    definition: StreamDefinition,
    shape: WindowShape,
) -> PartitionTracks:
    """The tracks of a new process that takes over the partition at offset ``position``."""
    states = states_of(tracks, {message.asset for message in log[:position]})
    fresh = PartitionTracks(definition, shape)
    tracked = {asset: state.track for asset, state in states.items()}
    start = fresh.resume(tracked, tracks.clock_us, position)
    assert start == tracks.rewind(position)
    for offset in range(start, position):
        fresh.rebuild(reading(log[offset]), offset)
    fresh.go_live(tracked, {asset for asset, state in states.items() if state.silent})
    return fresh


@settings(max_examples=250, derandomize=True, deadline=None, phases=[Phase.generate])
@given(logs(), definitions, st.sampled_from([SHAPE, EVERY_ROW]), st.data())
def test_restarts_change_no_event(
    log: list[LoggedReading], definition: StreamDefinition, shape: WindowShape, data: st.DataObject
) -> None:
    stops = data.draw(st.sets(st.integers(0, len(log)), max_size=4))
    undisturbed, disturbed = PartitionTracks(definition, shape), PartitionTracks(definition, shape)
    for offset, message in enumerate(log):
        if offset in stops:
            disturbed = restarted(disturbed, log, offset, definition, shape)
        expected = undisturbed.push(reading(message), offset)
        events = disturbed.push(reading(message), offset)
        assert [comparable(event) for event in events] == [comparable(event) for event in expected]
        assert disturbed.clock_us == undisturbed.clock_us
    assert disturbed.late == undisturbed.late


@settings(max_examples=100, derandomize=True, deadline=None)
@given(logs(), definitions)
def test_a_window_for_every_row_changes_no_other_event(
    log: list[LoggedReading], definition: StreamDefinition
) -> None:
    """The windows that end a hop, with their offsets, and the silences are those of a window for each hop."""
    by_hop, by_row = PartitionTracks(definition, SHAPE), PartitionTracks(definition, EVERY_ROW)
    for offset, message in enumerate(log):
        expected = by_hop.push(reading(message), offset)
        events = [
            event
            for event in by_row.push(reading(message), offset)
            if not isinstance(event, WindowReady) or SHAPE.ends_hop(event.window.end_index)
        ]
        assert [comparable(event) for event in events] == [comparable(event) for event in expected]


@settings(max_examples=250, derandomize=True, deadline=None, phases=[Phase.generate])
@given(logs(), definitions)
def test_only_assets_with_a_message_within_a_week_are_kept(
    log: list[LoggedReading], definition: StreamDefinition
) -> None:
    """An asset is silent first, then gone, and has no track after that."""
    tracks, silent = PartitionTracks(definition, SHAPE), set[str]()
    last_heard_us: dict[str, int] = {}
    for offset, message in enumerate(log):
        last_heard_us[message.asset] = max(tracks.clock_us, message.time_us)
        for event in tracks.push(reading(message), offset):
            if isinstance(event, AssetSilent):
                silent.add(event.asset)
            elif isinstance(event, AssetReturned):
                silent.remove(event.asset)
            elif isinstance(event, AssetForgotten):
                silent.remove(event.asset)
                assert event.ended_us == last_heard_us.pop(event.asset) + tracks.silence_us + 7 * DAY
        assert silent == tracks.silent
        limit = tracks.clock_us - tracks.silence_us - 7 * DAY
        assert {asset for asset in "xyz" if asset in tracks} == set(last_heard_us)
        assert all(time_us >= limit for time_us in last_heard_us.values())


rules = st.builds(
    lambda min_hops: AlarmRule(
        calibration=Calibration(
            pooled=Baseline(center=0.0, spread=1.0, usual=1.0),
            assets={},
            u=2.0,
            sigma=1.0,
            xi=0.0,
            clusters=40,
            clusters_per_week=20.0,
            weeks=2.0,
            separation_rows=8,
        ),
        budget_per_week=20.0,
        interval_us=STEP,
        hop_rows=SHAPE.hop,
        min_duration_us=min_hops * SHAPE.hop * STEP,
    ),
    st.integers(0, 4),
)


@settings(max_examples=250, derandomize=True, deadline=None, phases=[Phase.generate])
@given(rules, st.lists(st.sampled_from([0.5, 0.0, -0.5, 1.9, 2.5, 3.0, 9.0]), max_size=60), st.data())
def test_episodes_continue_after_a_restart(rule: AlarmRule, scores: list[float], data: st.DataObject) -> None:
    """Open and pending episodes, encoded to the bytes of the state topic and decoded."""
    stops = data.draw(st.sets(st.integers(0, len(scores)), max_size=4))
    undisturbed = disturbed = AlarmState(rule.calibration.pooled, None)
    for number, score in enumerate(scores):
        hop = Hop(SHAPE.rows - 1 + number * SHAPE.hop, number, number, SHAPE.hop)
        if number in stops:
            memory = AssetMemory(model_version=1, **disturbed._asdict())
            restored = msgspec.json.decode(encode(memory), type=AssetMemory)
            disturbed = AlarmState(
                restored.baseline, restored.episode, restored.standing, restored.high_score
            )
        undisturbed, expected = rule.update(
            undisturbed, score, rule.judge_next(score, undisturbed), hop, NoEvidence()
        )
        disturbed, event = rule.update(disturbed, score, rule.judge_next(score, disturbed), hop, NoEvidence())
        assert (disturbed, event) == (undisturbed, expected)


@settings(max_examples=100, derandomize=True, deadline=None)
@given(logs(), definitions)
def test_the_rewind_offset_never_passes_the_position(
    log: list[LoggedReading], definition: StreamDefinition
) -> None:
    tracks = PartitionTracks(definition, SHAPE)
    before = 0
    for offset, message in enumerate(log):
        tracks.push(reading(message), offset)
        rewind = tracks.rewind(offset + 1)
        assert before <= rewind <= offset + 1
        before = rewind


def test_a_silent_asset_does_not_hold_the_rewind_offset_back() -> None:
    definition = StreamDefinition(topic="t", sensors=SENSORS, interval_us=STEP)
    tracks = PartitionTracks(definition, SHAPE)
    tracks.push(reading(LoggedReading("silent", 0, (1, 1))), 0)
    for offset in range(1, 200):
        tracks.push(reading(LoggedReading("lively", offset * STEP, (1, 1))), offset)
    assert tracks.silent == {"silent"}
    assert tracks.rewind(200) >= 200 - SHAPE.rows - definition.staleness_rows - SHAPE.hop


def test_windows_are_lost_without_the_rewind() -> None:
    """The control: a new process that reads from the committed offset misses windows."""
    definition = StreamDefinition(topic="t", sensors=SENSORS, interval_us=STEP)
    log = [LoggedReading("x", offset * STEP, (1, 1)) for offset in range(40)]
    undisturbed, not_rewound = PartitionTracks(definition, SHAPE), PartitionTracks(definition, SHAPE)
    expected = [
        event for offset, message in enumerate(log) for event in undisturbed.push(reading(message), offset)
    ]
    for offset, message in enumerate(log[:21]):
        not_rewound.push(reading(message), offset)
    not_rewound = PartitionTracks(definition, SHAPE)
    events = [
        event
        for offset, message in enumerate(log[21:], 21)
        for event in not_rewound.push(reading(message), offset)
    ]
    after = [event for event in expected if isinstance(event, WindowReady) and event.window.last_offset >= 21]
    assert len(events) < len(after)
