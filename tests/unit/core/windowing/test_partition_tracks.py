"""The silent assets of a partition."""

from __future__ import annotations

import numpy as np

from tfstream.core.reading import Reading
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

STEP = 10
WEEK = 7 * 24 * 3600 * 1_000_000 // STEP  # in rows
DEFINITION = StreamDefinition(topic="t", sensors=("a",), interval_us=STEP)
SHAPE = WindowShape(rows=8, hop=4, step=4)


class Log:
    """Messages in order, each at the next offset."""

    def __init__(self) -> None:
        self.tracks = PartitionTracks(DEFINITION, SHAPE)
        self.offset = 0

    def send(self, asset: str, *rows: int) -> list[TrackEvent]:
        events: list[TrackEvent] = []
        for row in rows:
            reading = Reading(asset, row * STEP, np.array([1.0], dtype=np.float32))
            events += self.tracks.push(reading, self.offset)
            self.offset += 1
        return events


def silences(events: list[TrackEvent]) -> list[TrackEvent]:
    return [event for event in events if not isinstance(event, WindowReady)]


def test_an_asset_is_silent_once_the_clock_has_passed_its_limit() -> None:
    log = Log()
    log.send("x", 0)
    events = silences(log.send("y", *range(40)))
    limit = log.tracks.silence_us // STEP
    assert events == [AssetSilent("x", 0, limit + 2)]  # the first message past the limit


def test_a_silent_asset_returns_with_its_next_message() -> None:
    log = Log()
    log.send("x", 0)
    log.send("y", *range(40))
    assert silences(log.send("x", 40)) == [AssetReturned("x", 40 * STEP, 41)]
    assert not log.tracks.silent


def test_an_asset_alone_is_never_silent() -> None:
    assert not silences(Log().send("x", 0, 1, 500, 501))


def test_an_asset_with_old_times_is_not_silent() -> None:
    """Its producer catches up with history while another asset sends the present."""
    log = Log()
    log.send("present", *range(1000, 1010))
    events = log.send("past", *range(40))
    assert not silences(events)
    ends = [
        event.window.end_index for event in events if isinstance(event, WindowReady) and event.asset == "past"
    ]
    assert ends == list(range(7, 40, 4))  # from the very first window on


def test_an_asset_that_stays_silent_for_a_week_is_gone() -> None:
    log = Log()
    log.send("x", 0)
    log.send("y", *range(40))
    limit = log.tracks.silence_us // STEP + WEEK
    assert silences(log.send("y", limit)) == []
    assert "x" in log.tracks
    assert silences(log.send("y", limit + 1)) == [AssetForgotten("x", limit * STEP, 42)]
    assert "x" not in log.tracks
    assert not log.tracks.silent


def test_an_asset_that_has_returned_is_not_gone() -> None:
    log = Log()
    log.send("x", 0)
    log.send("y", *range(40))
    log.send("x", 40)
    events = silences(log.send("y", WEEK + 40))
    assert events == [AssetSilent("x", 40 * STEP, 42)]
    assert "x" in log.tracks


def test_a_long_jump_gives_the_silence_before_the_end() -> None:
    log = Log()
    log.send("x", 0)
    assert [type(event) for event in silences(log.send("y", 2 * WEEK))] == [AssetSilent, AssetForgotten]
    assert silences(log.send("x", 2 * WEEK)) == []  # a new asset
