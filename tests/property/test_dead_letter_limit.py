"""The same messages become dead letters, at whichever offset the process restarts."""

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
SHAPE = WindowShape(rows=8, hop=4, step=4)
GOOD, BAD = b'{"ts": 1767600000, "asset": "x", "a": 1.0}', b"{"

# stretches of good or bad messages, so that runs are long and shares change
logs = st.lists(st.tuples(st.booleans(), st.integers(1, 400)), min_size=1, max_size=12).map(
    lambda stretches: [good for good, length in stretches for _ in range(length)]
)
limits = st.builds(
    DeadLetterLimit, run=st.sampled_from([0, 1, 5, 300]), share=st.sampled_from([0.0, 0.2, 0.5])
)


@dataclass
class CommittedPartition:
    """What Kafka stores of a partition: committed offset, head record of the state, dead letter offsets."""

    limit: DeadLetterLimit
    offset: int = 0
    head: bytes | None = None
    dead_letters: list[int] = field(default_factory=list)

    def score(self, log: list[bool], max_records: int) -> str | None:
        """Run a new process: restore, score one batch, commit, end; returns why the partition stopped."""
        assigned = AssignedPartition(0, DEFINITION, SHAPE, self.limit)
        if self.head is None:
            assigned.begin(0, ())
        else:
            assigned.restore({}, -1, self.offset, decode_head(self.head).dead_letters)
        for offset in range(self.offset, min(self.offset + max_records, len(log))):
            assigned.read(Record(0, offset, None, GOOD if log[offset] else BAD, None), CODEC)
        outputs, position = assigned.commit_outputs(1)
        self.offset = position.offset
        self.head = next(output.value for output in outputs if output.key == HEAD_KEY)
        dead_letters = [output for output in outputs if output.topic == dead_letters_topic("t")]
        self.dead_letters += [int(dict(letter.headers)["tfstream.offset"]) for letter in dead_letters]
        return assigned.stop_reason


@settings(max_examples=150, derandomize=True, deadline=None)
@given(logs, limits, st.data())
def test_restarts_write_no_further_dead_letters(
    log: list[bool], limit: DeadLetterLimit, data: st.DataObject
) -> None:
    whole, cut = CommittedPartition(limit), CommittedPartition(limit)
    stopped = whole.score(log, len(log))
    while cut.offset < len(log) and cut.score(log, data.draw(st.integers(1, 500))) is None:
        pass
    assert (cut.offset, cut.dead_letters) == (whole.offset, whole.dead_letters)
    assert (whole.offset == len(log)) == (stopped is None)
    if stopped is not None:
        assert not log[whole.offset]
        assert whole.score(log, len(log)) == stopped  # a further restart stops at the same offset
        assert (cut.offset, cut.dead_letters) == (whole.offset, whole.dead_letters)


@settings(max_examples=50, derandomize=True, deadline=None)
@given(logs, limits)
def test_readable_messages_after_a_correction_are_all_read(log: list[bool], limit: DeadLetterLimit) -> None:
    partition = CommittedPartition(limit)
    partition.score(log, len(log))
    dead_letters = list(partition.dead_letters)
    assert partition.score([True] * len(log), len(log)) is None
    assert (partition.offset, partition.dead_letters) == (len(log), dead_letters)
