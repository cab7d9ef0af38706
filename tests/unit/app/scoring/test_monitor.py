"""The reason why nothing is scored is seen from what there is."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tfstream.app.runtime import metrics
from tfstream.app.runtime.metrics import MetricBoard
from tfstream.app.scoring.assigned_partition import AssignedPartition
from tfstream.app.scoring.monitor import ScorerMonitor
from tfstream.app.scoring.progress import Progress
from tfstream.app.scoring.status import IdleReason, ScoringStatus
from tfstream.core.messages.codec import Codec
from tfstream.core.messages.dead_letter_limit import DeadLetterLimit, DeadLetterTally
from tfstream.core.state import HEAD_KEY, decode_asset
from tfstream.core.stream import StreamDefinition
from tfstream.core.windowing.window import WindowShape
from tfstream.streaming.broker_health import BrokerHealth
from tfstream.streaming.records import Record

DEFINITION = StreamDefinition(topic="t", sensors=("a",), interval_us=1_000_000)
SHAPE = WindowShape(rows=8, hop=4)


@dataclass
class FakeSource:
    """A source of one partition."""

    owned: set[int] = field(default_factory=lambda: {0})
    broker_health: BrokerHealth = field(default_factory=BrokerHealth)
    at_end: dict[int, int] = field(default_factory=lambda: {0: 0})
    messages_behind: int = 0

    def lag(self, partition: int, offset: int) -> int:
        return self.messages_behind


class Scene:
    """A watch over a fake source and a real lane, with a clock that the test moves."""

    def __init__(self) -> None:
        self.now = 0.0
        self.board = MetricBoard()
        self.told = ScoringStatus("t", self.board, lambda: self.now)
        self.watch = ScorerMonitor(DEFINITION, self.board, self.told, lambda: self.now)
        self.source, self.progress = FakeSource(), Progress()
        self.others: dict[int, AssignedPartition] = {}
        self.lane = AssignedPartition(0, DEFINITION, SHAPE, DeadLetterLimit())
        self.lane.begin(0, ())
        detector = SimpleNamespace(window_rows=SHAPE.rows, interval_us=1_000_000)
        self.judge = SimpleNamespace(champion=SimpleNamespace(detector=detector, version=3), unscoreable=0)

    def read(self, rows: int) -> None:
        for _ in range(rows):
            offset = self.lane.position
            body = b'{"ts": %d, "asset": "x", "a": 1}' % (1_767_600_000 + offset)
            self.lane.read(Record(0, offset, None, body, None), Codec(DEFINITION))
            self.progress.records += 1

    def reason(self, *, away: bool = False, after_s: float = 1.0) -> IdleReason | None:
        self.now += after_s
        source, judge = cast(Any, self.source), cast(Any, self.judge)
        lanes = {0: self.lane, **self.others} if self.source.owned else {}
        self.watch.look(self.progress, source, lanes, judge, away=away)
        return self.told.reason


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_windows_fill_and_then_it_scores(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    scene.read(5)
    assert scene.reason() is IdleReason.WINDOWS_FILLING
    assert "5 of 8 rows of 1 s" in caplog.text
    scene.read(4)
    scene.progress.windows = 1
    assert scene.reason() is None
    assert scene.reason() is None  # between two windows it still scores


def test_without_a_broker_a_partition_or_a_message(scene: Scene) -> None:
    scene.read(9)
    scene.source.broker_health.connected = False
    assert scene.reason() is IdleReason.BROKER
    scene.source.broker_health.connected = True
    assert scene.reason(away=True) is IdleReason.BROKER
    scene.source.owned = set()
    assert scene.reason() is IdleReason.NO_PARTITIONS
    scene.source.owned = {0}
    assert scene.reason() is None
    assert scene.reason(after_s=61.0) is IdleReason.NO_MESSAGES
    scene.read(1)
    assert scene.reason() is None


def test_a_partition_on_its_way_back_is_no_window_that_fills(scene: Scene) -> None:
    """Beside it stands one that nobody sends to: that one has nothing to read again."""
    busy = AssignedPartition(1, DEFINITION, SHAPE, DeadLetterLimit())
    scene.source.owned = {0, 1}
    assert scene.reason() is IdleReason.RESTORING  # the other is not even placed
    scene.read(9)
    outputs, position = scene.lane.pending(1)
    states = {
        (one.key or b"").decode(): decode_asset(one.value or b"")
        for one in outputs
        if one.key not in (None, HEAD_KEY)
    }
    busy.restore(states, scene.lane.tracks.clock_us, position.offset, DeadLetterTally())
    scene.others[1] = busy
    scene.lane = AssignedPartition(0, DEFINITION, SHAPE, DeadLetterLimit())
    assert busy.restoring
    assert scene.reason() is IdleReason.RESTORING
    scene.source.at_end = {0: 0, 1: 9}
    assert scene.reason() is IdleReason.WINDOWS_FILLING


def test_sensors_that_the_model_does_not_know(scene: Scene) -> None:
    scene.read(9)
    scene.judge.unscoreable = 2
    assert scene.reason() is IdleReason.NO_KNOWN_SENSOR


def test_a_stopped_partition_is_told_though_others_are_scored(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    scene.read(9)
    scene.progress.windows = 1
    scene.lane.stopped = "too many"
    assert scene.reason() is IdleReason.DEAD_LETTER_LIMIT
    assert "partitions [0] stand at the dead-letter limit" in caplog.text
    assert [one.value for one in scene.board.read() if one.metric is metrics.AT_LIMIT] == [1.0]
    assert scene.reason(away=True) is IdleReason.BROKER
    scene.lane.stopped = None
    assert scene.reason() is None
    assert [one.value for one in scene.board.read() if one.metric is metrics.AT_LIMIT] == [0.0]


def test_the_board_has_a_partition_for_as_long_as_it_is_assigned(scene: Scene) -> None:
    scene.read(3)
    scene.source.messages_behind = 7
    scene.reason()
    values = {one.metric: one.value for one in scene.board.read()}
    assert values[metrics.LAG] == 7
    assert values[metrics.MESSAGES] == 3
    assert values[metrics.EVENT_TIME] == 1_767_600_002
    assert metrics.LAST_COMMIT not in values
    scene.source.owned = set()
    scene.reason()
    assert metrics.LAG not in {one.metric for one in scene.board.read()}


def test_it_looks_once_a_second(scene: Scene) -> None:
    scene.reason()
    scene.read(9)
    assert scene.reason(after_s=0.5) is IdleReason.WINDOWS_FILLING
    assert scene.reason(after_s=0.6) is None
