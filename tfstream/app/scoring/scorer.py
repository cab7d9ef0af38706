"""``tfstream score``: consume, score, judge, and commit everything in one Kafka transaction.

Whatever happens to a partition, it comes back by the one way of ``restoring``. What cannot be done because
the broker is away is tried again later, while polling goes on; a commit that failed is forgotten and its
records are read again.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field

from tfstream.app.runtime.backoff import Backoff
from tfstream.app.scoring.assigned_partition import AssignedPartition
from tfstream.app.scoring.episode_tracker import EpisodeTracker
from tfstream.app.scoring.monitor import ScorerMonitor
from tfstream.app.scoring.pace import Pace
from tfstream.app.scoring.progress import Progress
from tfstream.app.scoring.restore import PartitionRestorer
from tfstream.app.scoring.score_batch import Champion
from tfstream.core.messages.codec import Codec
from tfstream.core.messages.dead_letter_limit import DeadLetterLimit
from tfstream.core.stream import StreamDefinition
from tfstream.core.windowing.partition_tracks import TrackEvent
from tfstream.errors import BadData, ServiceUnavailable
from tfstream.streaming.properties import Properties
from tfstream.streaming.records import Record
from tfstream.streaming.source import Source
from tfstream.streaming.topics import ensure_partitions, require_topic, state_topic
from tfstream.streaming.transaction import Aborted, TransactionalWriter

_log = logging.getLogger("tfstream.score")
_LAST_RETRY_S = 5.0


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


class Scorer:
    """A member of the scoring group. ``newer_champion`` is asked now and then, between commits."""

    def __init__(
        self,
        properties: Properties,
        definition: StreamDefinition,
        champion: Champion,
        options: ScorerOptions,
        newer_champion: Callable[[int], Champion | None],
        watch: ScorerMonitor | None = None,
    ) -> None:
        self.progress = Progress()
        self._properties = properties
        self._definition = definition
        self._options = options
        self._newer_champion = newer_champion
        self._codec = Codec(definition)
        self._judge = EpisodeTracker(definition, champion, write_scores=options.write_scores)
        self._lanes: dict[int, AssignedPartition] = {}
        self._watch = watch or ScorerMonitor.silent(definition)
        self._unplaced: set[int] = set()  # assigned partitions without a lane
        self._states = 0  # partitions that the state topic is known to have
        self._patience = Backoff(_log, max_pause_s=_LAST_RETRY_S)
        self._pace = Pace(options.commit_interval_s, time.monotonic())
        self._writer = TransactionalWriter(properties, options.transactional_id)
        self._source = Source(properties, definition.topic, options.group, self, options.instance)
        self._restorer = PartitionRestorer(
            properties,
            definition,
            self._source,
            begin_at=options.start,
            group=options.group,
            limit=options.dead_letter_limit,
        )

    @property
    def listening(self) -> bool:
        """Whether partitions are assigned and have been read to their present end."""
        return self._source.exhausted

    def run(self, stop: Callable[[], bool]) -> None:
        """Until ``stop`` says so, or with ``until_end`` the topic's end; commits what it holds at last.

        :raises TfstreamError: when this process must not go on; nothing uncommitted was written.
        """
        with self._source as source, closing(self._restorer), closing(self._writer):
            while not stop():
                self._recover()
                wait_s = self._pace.wait_s(time.monotonic())
                self.step(source.poll(max_records=self._pace.most, timeout_s=wait_s))
                self._watch.look(self.progress, source, self._lanes, self._judge, away=self._patience.waiting)
                self._stop_at_the_limit()
                if self._pace.commit_due(time.monotonic()):
                    self._commit_in_time()
                if self._at_the_end() and self.commit():
                    self._check_none_stopped()
                    return
            self.commit()

    def step(self, records: Sequence[Record]) -> None:
        """One batch of records to outputs, held by their lanes until the next commit."""
        began = time.monotonic()
        findings: list[tuple[AssignedPartition, TrackEvent]] = []
        restoring = any(lane.restoring for lane in self._lanes.values())
        for record in records:
            lane = self._lanes[record.partition]
            findings.extend((lane, found) for found in lane.read(record, self._codec))
        stopped = any(lane.stopped for lane in self._lanes.values())
        self.progress.records += self._taken_of(records) if restoring or stopped else len(records)
        self.progress.windows += self._judge.take(findings)
        self._pace.took(len(records), time.monotonic() - began)

    def _taken_of(self, records: Sequence[Record]) -> int:
        """Without those that a restore has read again, which were counted once, or that a stop has left."""
        lanes = self._lanes
        return sum(
            lanes[record.partition].committed <= record.offset < lanes[record.partition].position
            for record in records
        )

    def _stop_at_the_limit(self) -> None:
        """A partition at its dead-letter limit waits for somebody to look; the others go on.

        What came before the limit is committed with the next commit, what is beyond it is read no further.
        """
        for partition, lane in self._lanes.items():
            if lane.stopped is not None and partition not in self._source.stopped:
                self._source.stop(partition)
                _log.error("%s", lane.stopped)

    def _at_the_end(self) -> bool:
        """At the topic's end, if that was asked for, or when nobody could go on with any partition.

        Who shares the topic with others stays, even if all that it has is stopped: a supervisor would start
        it again, and each time it would take a partition from somebody who scores it.
        """
        if self._options.until_end:
            return self._source.exhausted
        return 0 < self._states == len(self._source.stopped)

    def _check_none_stopped(self) -> None:
        """:raises BadData: when a partition is at its dead-letter limit."""
        stopped = next((lane.stopped for lane in self._lanes.values() if lane.stopped), None)
        if stopped is not None:
            raise BadData(stopped)

    def _commit_in_time(self) -> None:
        began = time.monotonic()
        self.commit()
        self._pace.committed(began, time.monotonic())
        self._take_newer_champion()

    def commit(self) -> bool:
        """Everything since the last commit, or nothing: False when that is to be read again."""
        if self._lanes and self._restorer.made_anew(self._lanes.values()):
            self._drop_all()
            return False
        lanes = [lane for lane in self._lanes.values() if lane.changed]
        if not lanes:
            return True
        pending = [lane.pending(self._judge.champion.version) for lane in lanes]
        outputs = [output for written, _ in pending for output in written]
        positions = [position for _, position in pending]
        try:
            self._writer.commit(outputs, self._definition.topic, positions, self._source.group_metadata())
        except Aborted as aborted:
            self.progress.aborted += 1
            _log.warning("a commit failed (%s); reading again from the last one", aborted)
            self._drop_all()
            return False
        for lane in lanes:
            self.progress.dead_letters += lane.dead_letters
            self.progress.events += lane.events
            lane.was_committed()
        self.progress.commits += 1
        return True

    def assigned(self, partitions: Sequence[int]) -> None:
        self._unplaced.update(partitions)

    def revoked(self, partitions: Sequence[int]) -> None:
        self._unplaced.difference_update(partitions)
        self._restorer.forget(partitions)
        for partition in partitions:
            self._lanes.pop(partition, None)

    def _drop_all(self) -> None:
        """What the lanes hold counts for nothing; the broker knows where each partition stands."""
        partitions = sorted(self._lanes)
        self._lanes.clear()
        self._source.hold(partitions)
        self._unplaced.update(partitions)

    def _recover(self) -> None:
        """What a start, an assignment, a failed commit or an outage left to do, as far as it can be done."""
        if (self._writer.ready and not self._unplaced) or not self._patience.due:
            return
        try:
            if not self._writer.ready:  # first: it settles the commit that the partitions' places depend on
                self._writer.start()
            if self._unplaced:
                self._place()
            self._patience.succeeded()
        except ServiceUnavailable as away:
            self._patience.failed(away)

    def _place(self) -> None:
        shape = self._judge.champion.detector.shape
        if max(self._unplaced) >= self._states:
            self._states = require_topic(self._properties, self._definition.topic)
            ensure_partitions(self._properties, state_topic(self._definition.topic), self._states)
            self._writer.refresh_metadata(state_topic(self._definition.topic))
        found = self._restorer.restore(sorted(self._unplaced), shape, self._states)  # those that can be
        self._source.read_from({partition: restored.start for partition, restored in found.items()})
        for partition, restored in found.items():
            self._lanes[partition] = restored.lane
            self._unplaced.discard(partition)

    def _take_newer_champion(self) -> None:
        newer = self._newer_champion(self._judge.champion.version)
        if newer is None:
            return
        self._judge = EpisodeTracker(self._definition, newer, write_scores=self._options.write_scores)
        _log.info("now scoring with model version %d", newer.version)
