"""``tfstream score``: fetch, read, score, track, and commit everything in one Kafka transaction.

A start, a rebalance, a failed commit and an outage all take the same restore path (``restore``). What fails
because the broker is away is tried again later, while polling continues. After a failed commit the scorer
drops everything uncommitted and reads the records again.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from contextlib import closing

from tfstream.app.detection.asset_update import AssetEvent, AssetUpdate
from tfstream.app.detection.champion import Champion
from tfstream.app.detection.episode_tracker import EpisodeTracker
from tfstream.app.runtime.backoff import Backoff
from tfstream.app.scoring.assigned_partition import AssignedPartition
from tfstream.app.scoring.event_builder import EventBuilder
from tfstream.app.scoring.monitor import ScorerMonitor
from tfstream.app.scoring.pace import Pace
from tfstream.app.scoring.restore import PartitionRestorer
from tfstream.app.scoring.scorer_options import ScorerOptions
from tfstream.app.scoring.scorer_progress import Progress
from tfstream.app.scoring.snapshot import take_snapshot
from tfstream.core.messages.codec import Codec
from tfstream.core.stream import StreamDefinition
from tfstream.errors import BadData, ServiceUnavailable
from tfstream.streaming.connection.properties import Properties
from tfstream.streaming.consumer.source import Source
from tfstream.streaming.producer.transaction import Aborted, TransactionalWriter
from tfstream.streaming.records import Record
from tfstream.streaming.topics import ensure_partitions, require_topic, state_topic

_log = logging.getLogger("tfstream.score")
_LAST_RETRY_S = 5.0


class Scorer:
    """A member of the scoring group. ``newer_champion`` is called now and then, between two commits."""

    def __init__(
        self,
        properties: Properties,
        definition: StreamDefinition,
        champion: Champion,
        options: ScorerOptions,
        newer_champion: Callable[[int], Champion | None],
        monitor: ScorerMonitor | None = None,
    ) -> None:
        self.progress = Progress()
        self._properties = properties
        self._definition = definition
        self._options = options
        self._newer_champion = newer_champion
        self._monitor = monitor or ScorerMonitor.log_only(definition)
        self._codec = Codec(definition)
        self._partitions: dict[int, AssignedPartition] = {}
        self._unrestored: set[int] = set()  # assigned partitions that are not restored yet
        self._topic_partitions = 0  # of which the state topic is known to have as many
        self._backoff = Backoff(_log, max_pause_s=_LAST_RETRY_S)
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
        self._use(champion)

    def _use(self, champion: Champion) -> None:
        self._champion = champion
        self._tracker = EpisodeTracker(self._definition, champion)
        self._builder = EventBuilder(self._definition, champion, write_scores=self._options.write_scores)
        self.progress.unscored_windows = 0

    @property
    def listening(self) -> bool:
        """Whether partitions are assigned and have been read to their present end."""
        return self._source.exhausted

    def run(self, stop: Callable[[], bool]) -> None:
        """Score until ``stop`` returns true, with ``until_end`` until the topic's end; then commit.

        :raises TfstreamError: when this process must not continue; nothing uncommitted was written.
        """
        with self._source as source, closing(self._restorer), closing(self._writer):
            while not stop():
                self._recover()
                wait_s = self._pace.wait_s(time.monotonic())
                self.step(source.poll(max_records=self._pace.most, timeout_s=wait_s))
                self._report()
                self._stop_at_the_limit()
                if self._pace.commit_due(time.monotonic()):
                    self._commit_in_time()
                if self._is_finished() and self.commit():
                    self._check_none_stopped()
                    return
            self.commit()

    def step(self, records: Sequence[Record]) -> None:
        """Read, score and track one batch; the partitions keep the outputs until the next commit."""
        began = time.monotonic()
        all_new = not any(partition.rebuilding for partition in self._partitions.values())
        events = self._read(records)
        updates = self._tracker.process_batch(events)
        for (number, _, _), update in zip(events, updates, strict=True):
            self._partitions[number].apply(update, self._builder.outputs(number, update))
        self._count(records, updates, all_new=all_new)
        self._pace.batch_done(len(records), time.monotonic() - began)

    def _read(self, records: Sequence[Record]) -> list[AssetEvent]:
        events = []
        for record in records:
            partition = self._partitions[record.partition]
            for event in partition.read(record, self._codec):
                events.append(AssetEvent(record.partition, partition.memories.get(event.asset), event))
        return events

    def _count(self, records: Sequence[Record], updates: Sequence[AssetUpdate], *, all_new: bool) -> None:
        progress = self.progress
        stopped = any(partition.stop_reason for partition in self._partitions.values())
        progress.records += len(records) if all_new and not stopped else self._count_new(records)
        windows = [update.window for update in updates if update.window is not None]
        scored = sum(window.scored is not None for window in windows)
        progress.windows += scored
        progress.unscored_windows = 0 if scored else progress.unscored_windows + len(windows)

    def _count_new(self, records: Sequence[Record]) -> int:
        """Without the records that a restore has read again and those after the stop of their partition."""
        partitions = self._partitions
        return sum(
            partitions[record.partition].committed <= record.offset < partitions[record.partition].position
            for record in records
        )

    def _report(self) -> None:
        if self._monitor.is_due():
            self._monitor.observe(
                take_snapshot(
                    self.progress,
                    self._source,
                    self._partitions,
                    self._champion,
                    retrying=self._backoff.waiting,
                )
            )

    def _stop_at_the_limit(self) -> None:
        """Stop reading partitions at their dead-letter limit; the other partitions continue.

        The next commit covers the records before the limit. An operator must act before the rest is read.
        """
        for number, partition in self._partitions.items():
            if partition.stop_reason is not None and number not in self._source.stopped:
                self._source.stop(number)
                _log.error("%s", partition.stop_reason)

    def _is_finished(self) -> bool:
        """Whether the end is reached (with ``until_end``), or every partition of the topic is stopped.

        A scorer that shares the topic with others stays, even if all its own partitions are stopped: a
        supervisor would start it again, and each start would take a partition from a scorer that scores it.
        """
        if self._options.until_end:
            return self._source.exhausted
        return 0 < self._topic_partitions == len(self._source.stopped)

    def _check_none_stopped(self) -> None:
        """:raises BadData: when a partition is at its dead-letter limit."""
        for partition in self._partitions.values():
            if partition.stop_reason is not None:
                raise BadData(partition.stop_reason)

    def _commit_in_time(self) -> None:
        began = time.monotonic()
        self.commit()
        self._pace.committed(began, time.monotonic())
        newer = self._newer_champion(self._champion.version)
        if newer is not None:
            self._use(newer)
            _log.info("now scoring with model version %d", newer.version)

    def commit(self) -> bool:
        """Write everything since the last commit; False when nothing was written and it is read again."""
        if self._partitions and self._restorer.is_topic_recreated(self._partitions.values()):
            self._drop_all()
            return False
        changed = [partition for partition in self._partitions.values() if partition.has_changes]
        if not changed:
            return True
        writes = [partition.commit_outputs(self._champion.version) for partition in changed]
        outputs = [output for written, _ in writes for output in written]
        positions = [position for _, position in writes]
        try:
            self._writer.commit(outputs, self._definition.topic, positions, self._source.group_metadata())
        except Aborted as aborted:
            self.progress.aborted += 1
            _log.warning("a commit failed (%s); reading again from the last commit", aborted)
            self._drop_all()
            return False
        self._mark_committed(changed)
        return True

    def _mark_committed(self, partitions: Sequence[AssignedPartition]) -> None:
        for partition in partitions:
            self.progress.dead_letters += partition.uncommitted.dead_letters
            self.progress.events += partition.uncommitted.episode_events
            partition.mark_committed()
        self.progress.commits += 1

    def assigned(self, partitions: Sequence[int]) -> None:
        """See :class:`tfstream.streaming.consumer.source.PartitionHandler`."""
        self._unrestored.update(partitions)

    def revoked(self, partitions: Sequence[int]) -> None:
        """See :class:`tfstream.streaming.consumer.source.PartitionHandler`."""
        self._unrestored.difference_update(partitions)
        self._restorer.forget(partitions)
        for number in partitions:
            self._partitions.pop(number, None)

    def _drop_all(self) -> None:
        """Drop everything uncommitted; the partitions are restored from what the broker has."""
        numbers = sorted(self._partitions)
        self._partitions.clear()
        self._source.hold(numbers)
        self._unrestored.update(numbers)

    def _recover(self) -> None:
        """Start the producer and restore partitions, as far as the broker answers."""
        if (self._writer.ready and not self._unrestored) or not self._backoff.due:
            return
        try:
            if not self._writer.ready:  # first: it settles the open commit, and so the committed offsets
                self._writer.start()
            if self._unrestored:
                self._restore()
            self._backoff.succeeded()
        except ServiceUnavailable as unavailable:
            self._backoff.failed(unavailable)

    def _restore(self) -> None:
        """Restore those of the partitions whose state is readable; the others are tried again."""
        if max(self._unrestored) >= self._topic_partitions:
            self._topic_partitions = require_topic(self._properties, self._definition.topic)
            ensure_partitions(self._properties, state_topic(self._definition.topic), self._topic_partitions)
            self._writer.refresh_metadata(state_topic(self._definition.topic))
        restored = self._restorer.restore(
            sorted(self._unrestored), self._champion.detector.shape, self._topic_partitions
        )
        self._source.read_from({number: entry.start for number, entry in restored.items()})
        for number, entry in restored.items():
            self._partitions[number] = entry.partition
            self._unrestored.discard(number)
