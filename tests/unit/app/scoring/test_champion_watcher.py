"""A database that hangs gets one query, in a thread; the scorer continues with its model."""

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
    """Answers that version 1 is the champion, once it is released."""

    address = "here"

    def __init__(self) -> None:
        self.released = threading.Event()
        self.down = False
        self.queries = 0

    @contextmanager
    def begin(self) -> Iterator[Any]:
        self.queries += 1
        self.released.wait(30.0)
        if self.down:
            raise ServiceUnavailable("it is down")
        yield SimpleNamespace(execute=lambda query: SimpleNamespace(scalar=lambda: 1))


class WatcherSetup:
    """A watcher of a database that hangs, and a clock that the test moves."""

    def __init__(self) -> None:
        self.now = 0.0
        self.database, self.board = HungDatabase(), MetricBoard()
        self.watcher = ChampionWatcher(cast(Any, self.database), STREAM, self.board, lambda: self.now)

    def call(self, after_s: float = 0.0) -> None:
        self.now += after_s
        assert self.watcher(1) is None

    def answer(self) -> None:
        """The query's thread ends; the next call takes its result."""
        query = self.watcher._query
        assert isinstance(query, BackgroundCall)
        self.database.released.set()
        query._future.exception(30.0)
        self.call()

    @property
    def waiting(self) -> list[float]:
        return [sample.value for sample in self.board.read() if sample.metric is WAITING]


def test_a_hanging_database_gets_one_query_and_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    setup = WatcherSetup()
    for _ in range(100):
        setup.call(after_s=0.09)
    assert setup.database.queries == 1
    assert (setup.waiting, caplog.messages) == ([0.0], [])
    setup.call(after_s=2.0)
    setup.call(after_s=30.0)
    assert setup.waiting == [1.0]
    (warning,) = caplog.messages
    assert warning.startswith("cannot check for a newer model, version 1 continues: PostgreSQL at here hangs")
    setup.call(after_s=31.0)
    assert len(caplog.messages) == 2
    setup.answer()
    assert setup.waiting == [0.0]
    assert caplog.messages[-1] == "t: checking for new models again"
    setup.call(after_s=3.0)
    assert setup.watcher._query is not None


def test_a_database_that_is_down_is_queried_again_later(caplog: pytest.LogCaptureFixture) -> None:
    setup = WatcherSetup()
    setup.database.down = True
    setup.call()
    setup.answer()
    assert caplog.messages == ["cannot check for a newer model: it is down"]
    assert setup.waiting == [1.0]
    setup.call(after_s=11.0)
    assert setup.watcher._query is None
    setup.database.down = False
    setup.call(after_s=2.0)
    setup.answer()
    assert setup.waiting == [0.0]
