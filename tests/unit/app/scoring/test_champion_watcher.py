"""A database that hangs is asked once, in a thread; the scorer is told nothing new and goes on."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tfstream.app.runtime.background_call import BackgroundCall
from tfstream.app.runtime.metrics import WAITING, MetricBoard
from tfstream.app.scoring.champion_watcher import ChampionWatcher
from tfstream.core.stream import StreamDefinition
from tfstream.errors import ServiceUnavailable
from tfstream.storage.streams import StreamRecord

STREAM = StreamRecord(id=1, definition=StreamDefinition(topic="t", sensors=("a",), interval_us=1_000_000))


class HungDatabase:
    """Answers, with "version 1 is in charge", once it is let go."""

    place = "here"

    def __init__(self) -> None:
        self.let_go = threading.Event()
        self.down = False
        self.asked = 0

    @contextmanager
    def begin(self) -> Iterator[Any]:
        self.asked += 1
        self.let_go.wait(30.0)
        if self.down:
            raise ServiceUnavailable("it is down")
        yield SimpleNamespace(execute=lambda query: SimpleNamespace(scalar=lambda: 1))


class Scene:
    """A successor of a database that hangs, and a clock that the test moves."""

    def __init__(self) -> None:
        self.now = 0.0
        self.database, self.board = HungDatabase(), MetricBoard()
        self.successor = ChampionWatcher(cast(Any, self.database), STREAM, self.board, lambda: self.now)

    def ask(self, after_s: float = 0.0) -> None:
        self.now += after_s
        assert self.successor(1) is None

    def answered(self) -> None:
        """The question's thread ends; the next call takes its answer."""
        question = self.successor._question
        assert isinstance(question, BackgroundCall)
        self.database.let_go.set()
        question._future.exception(30.0)
        self.ask()

    @property
    def waits(self) -> list[float]:
        return [one.value for one in self.board.read() if one.metric is WAITING]


def test_it_is_asked_once_and_told_to_be_late(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    scene = Scene()
    for _ in range(100):
        scene.ask(after_s=0.09)
    assert scene.database.asked == 1
    assert (scene.waits, caplog.messages) == ([0.0], [])
    scene.ask(after_s=2.0)
    scene.ask(after_s=30.0)
    assert scene.waits == [1.0]
    (said,) = caplog.messages
    assert said.startswith("cannot ask for a newer model, version 1 goes on: PostgreSQL at here hangs")
    scene.ask(after_s=31.0)
    assert len(caplog.messages) == 2
    scene.answered()
    assert scene.waits == [0.0]
    assert caplog.messages[-1] == "newer models of t are asked for again"
    scene.ask(after_s=3.0)
    assert scene.successor._question is not None


def test_one_that_is_down_is_asked_again_later(caplog: pytest.LogCaptureFixture) -> None:
    scene = Scene()
    scene.database.down = True
    scene.ask()
    scene.answered()
    assert caplog.messages == ["cannot ask for a newer model: it is down"]
    assert scene.waits == [1.0]
    scene.ask(after_s=11.0)
    assert scene.successor._question is None
    scene.database.down = False
    scene.ask(after_s=2.0)
    scene.answered()
    assert scene.waits == [0.0]
