"""``tfstream score``: consume, score, judge, and commit everything in one Kafka transaction.

One restore path serves start, rebalance and aborted transaction: read the partition's state, seek the source
to the rewind offset, fill the windows in silence up to the committed offset, go live.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import msgspec

from tfstream.app.judge import Judge
from tfstream.app.lane import Lane
from tfstream.app.scoring import Champion
from tfstream.app.watch import Watch
from tfstream.core.codec import Codec
from tfstream.core.dead_letter_limit import DeadLetterLimit
from tfstream.core.partition import Finding
from tfstream.core.state import (
    HEAD_KEY,
    AssetState,
    PartitionHead,
    decode_asset,
    decode_head,
    decode_metadata,
)
from tfstream.core.stream import StreamDefinition
from tfstream.core.window import WindowShape
from tfstream.errors import BadData, ConfigurationError, ServiceUnavailable
from tfstream.streaming.client import Properties
from tfstream.streaming.records import Position, Record
from tfstream.streaming.source import Source
from tfstream.streaming.state import Table, read_tables
from tfstream.streaming.topics import state_topic
from tfstream.streaming.transaction import Aborted, TransactionalWriter

_log = logging.getLogger("tfstream.score")
_BATCH = 2000
_POLL_S = 0.05
_STATE_WAIT_S = 20.0


@dataclass(frozen=True, kw_only=True, slots=True)
class ScorerOptions:
    """``start`` says where a group without commits begins: earliest or latest."""

    group: str
    transactional_id: str
    instance: str | None = None  # the name of a static member
    commit_interval_s: float = 1.0
    start: str = "earliest"
    until_end: bool = False
    write_scores: bool = True
    dead_letter_limit: DeadLetterLimit = field(default_factory=DeadLetterLimit)


@dataclass(slots=True)
class Progress:
    """What a running scorer has done since it started."""

    records: int = 0
    windows: int = 0
    commits: int = 0
    dead_letters: int = 0
    events: int = 0
    aborted: int = 0  # commits


class Scorer:
    """A member of the scoring group. ``newer_champion`` is asked now and then, between commits."""

    def __init__(
        self,
        properties: Properties,
        definition: StreamDefinition,
        champion: Champion,
        options: ScorerOptions,
        newer_champion: Callable[[int], Champion | None],
        watch: Watch | None = None,
    ) -> None:
        self.progress = Progress()
        self._properties = properties
        self._definition = definition
        self._options = options
        self._newer_champion = newer_champion
        self._codec = Codec(definition)
        self._judge = Judge(definition, champion, write_scores=options.write_scores)
        self._lanes: dict[int, Lane] = {}
        self._watch = watch or Watch.silent(definition)
        self._writer = TransactionalWriter(properties, options.transactional_id)
        self._source = Source(properties, definition.topic, options.group, self, options.instance)

    @property
    def listening(self) -> bool:
        """Whether partitions are assigned and have been read to their present end."""
        return self._source.exhausted

    def run(self, stop: Callable[[], bool]) -> None:
        """Until ``stop`` says so, or with ``until_end`` the topic's end; commits what it holds at last."""
        self._writer.start()
        due = time.monotonic() + self._options.commit_interval_s
        with self._source as source:
            while not stop():
                self.step(source.poll(most=_BATCH, timeout_s=_POLL_S))
                self._watch.look(self.progress, source, self._lanes, self._judge)
                self._end_at_the_limit()
                if time.monotonic() >= due:
                    self.commit()
                    self._take_newer_champion()
                    due = time.monotonic() + self._options.commit_interval_s
                if self._options.until_end and source.exhausted and self.commit():
                    return
            self.commit()

    def step(self, records: Sequence[Record]) -> None:
        """One batch of records to outputs, held by their lanes until the next commit."""
        findings: list[tuple[Lane, Finding]] = []
        for record in records:
            lane = self._lanes[record.partition]
            findings.extend((lane, found) for found in lane.read(record, self._codec))
        self.progress.records += len(records)
        self.progress.windows += self._judge.take(findings)

    def _end_at_the_limit(self) -> None:
        """What came before the limit is committed, what is beyond it waits for somebody to look.

        :raises BadData: when a partition is at its dead-letter limit.
        """
        stopped = next((lane.stopped for lane in self._lanes.values() if lane.stopped), None)
        if stopped is not None and self.commit():
            self._watch.ends_at_the_limit(stopped)
            raise BadData(stopped)

    def commit(self) -> bool:
        """Everything since the last commit, or nothing: False after an abort, when all lanes are restored."""
        lanes = [lane for lane in self._lanes.values() if lane.changed]
        if not lanes:
            return True
        pending = [lane.pending(self._judge.champion.version) for lane in lanes]
        outputs = [output for written, _ in pending for output in written]
        positions = [position for _, position in pending]
        try:
            self._writer.commit(outputs, self._definition.topic, positions, self._source.group_metadata())
        except Aborted as aborted:
            _log.warning("a commit was rolled back (%s); reading again from the last one", aborted)
            self.progress.aborted += 1
            self._source.seek(self.assigned(sorted(self._lanes)))
            return False
        for lane in lanes:
            self.progress.dead_letters += lane.dead_letters
            self.progress.events += lane.events
            lane.was_committed()
        self.progress.commits += 1
        return True

    def assigned(self, partitions: Sequence[int]) -> dict[int, int]:
        """The restore path: a lane for each partition, and the offset to read it from."""
        committed = self._source.committed(partitions)
        tables = self._tables(committed)
        return {
            partition: self._restored(partition, committed[partition], tables[partition])
            for partition in partitions
        }

    def revoked(self, partitions: Sequence[int]) -> None:
        for partition in partitions:
            self._lanes.pop(partition, None)

    def _tables(self, committed: dict[int, Position | None]) -> dict[int, Table]:
        """State as of the committed offsets; that of the last commit may take a moment to be readable."""
        deadline = time.monotonic() + _STATE_WAIT_S
        topic = state_topic(self._definition.topic)
        tables = read_tables(self._properties, topic, sorted(committed))
        while True:
            behind = [
                p
                for p, position in committed.items()
                if position and _head_offset(tables[p]) < position.offset
            ]
            if not behind or time.monotonic() > deadline:
                return tables
            time.sleep(0.2)
            tables.update(read_tables(self._properties, topic, behind))

    def _restored(self, partition: int, position: Position | None, table: Table) -> int:
        detector = self._judge.champion.detector
        shape = WindowShape(detector.window_rows, detector.hop_rows)
        lane = self._lanes[partition] = Lane(
            partition, self._definition, shape, self._options.dead_letter_limit, self._options.group
        )
        low, high = self._source.bounds(partition)
        head = _head(table)
        if head is not None:
            self._check_owner(partition, head.group)
        if position is None:
            return lane.begin(low if self._options.start == "earliest" else high, table)
        if head is None or head.offset != position.offset:
            self._check_reset(position, head)
            return lane.begin(max(position.offset, low), table)
        if head.interval_us != self._definition.interval_us:
            _log.warning(
                "partition %d: the sampling interval was changed; going on with fresh windows", partition
            )
            return lane.begin(max(position.offset, low), table)
        start = lane.restore(_asset_states(table), head.clock_us, position.offset, head.dead_letters)
        if start < low:
            _log.warning(
                "partition %d: retention removed offsets %d to %d that open windows need; they fill up again",
                partition,
                start,
                low - 1,
            )
        return max(start, low)

    def _check_owner(self, partition: int, owner: str) -> None:
        """A topic's outputs and state are one group's: a second one would write everything again.

        :raises ConfigurationError: when the state is another group's.
        """
        if owner not in ("", self._options.group):
            topic = self._definition.topic
            raise ConfigurationError(
                f"partition {partition} of {topic} is scored by the group {owner}, and {self._options.group} "
                f"would write the same topics again; start with `--group {owner}`, or to begin anew under "
                f"another name, stop its scorers and delete {state_topic(topic)}"
            )

    def _check_reset(self, position: Position, head: PartitionHead | None) -> None:
        """Fresh windows are for a group that somebody has reset, never for a state that cannot be read yet.

        :raises ServiceUnavailable: when the offset is our own commit and its state has not come.
        """
        stands = (
            f"the group stands at offset {position.offset}, its state at {head.offset if head else 'none'}"
        )
        ours = decode_metadata(position.metadata) is not None
        if ours and head is not None and head.offset < position.offset:
            raise ServiceUnavailable(
                f"partition {position.partition} of {self._definition.topic}: {stands} even after "
                f"{_STATE_WAIT_S:.0f} s; is the broker well? Start again"
            )
        _log.warning("partition %d: %s; going on with fresh windows", position.partition, stands)

    def _take_newer_champion(self) -> None:
        newer = self._newer_champion(self._judge.champion.version)
        if newer is None:
            return
        self._judge = Judge(self._definition, newer, write_scores=self._options.write_scores)
        _log.info("now scoring with model version %d", newer.version)


def _head(table: Table) -> PartitionHead | None:
    value = table.get(HEAD_KEY)
    if value is None:
        return None
    try:
        return decode_head(value)
    except msgspec.DecodeError:
        return None


def _head_offset(table: Table) -> int:
    head = _head(table)
    return -1 if head is None else head.offset


def _asset_states(table: Table) -> dict[str, AssetState]:
    """What can be read; an asset whose state is not ours begins anew."""
    states = {}
    for key, value in table.items():
        if key == HEAD_KEY:
            continue
        try:
            states[key.decode()] = decode_asset(value)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            _log.warning("the state of %r cannot be read, its windows begin anew: %s", key, error)
    return states
