"""However the log is cut up and the process started again, the same messages are diverted."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from tfstream.app.scoring.assigned_partition import AssignedPartition
from tfstream.core.messages.codec import Codec
from tfstream.core.messages.dead_letter_limit import DeadLetterLimit
from tfstream.core.state import HEAD_KEY, decode_head
from tfstream.core.stream import StreamDefinition
from tfstream.core.windowing.window import WindowShape
from tfstream.streaming.records import Record
from tfstream.streaming.topics import dead_letters_topic

DEFINITION = StreamDefinition(topic="t", sensors=("a",), interval_us=1_000_000)
CODEC = Codec(DEFINITION)
SHAPE = WindowShape(rows=8, hop=4)
GOOD, BAD = b'{"ts": 1767600000, "asset": "x", "a": 1.0}', b"{"

# stretches of one kind, so that runs are long and shares move
logs = st.lists(st.tuples(st.booleans(), st.integers(1, 400)), min_size=1, max_size=12).map(
    lambda stretches: [good for good, length in stretches for _ in range(length)]
)
limits = st.builds(
    DeadLetterLimit, run=st.sampled_from([0, 1, 5, 300]), share=st.sampled_from([0.0, 0.2, 0.5])
)


@dataclass
class Partition:
    """What Kafka keeps: the committed offset, the state's head, the dead letters."""

    limit: DeadLetterLimit
    offset: int = 0
    head: bytes | None = None
    diverted: list[int] = field(default_factory=list)

    def score(self, log: list[bool], most: int) -> str | None:
        """A new process: restore, one batch, commit, end; why it stopped."""
        partition = AssignedPartition(0, DEFINITION, SHAPE, self.limit)
        if self.head is None:
            partition.begin(0, ())
        else:
            partition.restore({}, -1, self.offset, decode_head(self.head).dead_letters)
        for offset in range(self.offset, min(self.offset + most, len(log))):
            partition.read(Record(0, offset, None, GOOD if log[offset] else BAD, None), CODEC)
        outputs, position = partition.commit_outputs(1)
        self.offset = position.offset
        self.head = next(one.value for one in outputs if one.key == HEAD_KEY)
        letters = [one for one in outputs if one.topic == dead_letters_topic("t")]
        self.diverted += [int(dict(one.headers)["tfstream.offset"]) for one in letters]
        return partition.stop_reason


@settings(max_examples=150, derandomize=True, deadline=None)
@given(logs, limits, st.data())
def test_restarts_divert_nothing_more(log: list[bool], limit: DeadLetterLimit, data: st.DataObject) -> None:
    whole, cut = Partition(limit), Partition(limit)
    stopped = whole.score(log, len(log))
    while cut.offset < len(log) and cut.score(log, data.draw(st.integers(1, 500))) is None:
        pass
    assert (cut.offset, cut.diverted) == (whole.offset, whole.diverted)
    assert (whole.offset == len(log)) == (stopped is None)
    if stopped is not None:
        assert not log[whole.offset]
        assert whole.score(log, len(log)) == stopped  # and again, and again
        assert (cut.offset, cut.diverted) == (whole.offset, whole.diverted)


@settings(max_examples=50, derandomize=True, deadline=None)
@given(logs, limits)
def test_once_mended_all_that_was_held_back_is_read(log: list[bool], limit: DeadLetterLimit) -> None:
    partition = Partition(limit)
    partition.score(log, len(log))
    diverted = list(partition.diverted)
    assert partition.score([True] * len(log), len(log)) is None
    assert (partition.offset, partition.diverted) == (len(log), diverted)
