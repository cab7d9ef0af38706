"""What the models that the scores name compute from a log, in this process and without transactions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from tests.studies.chaos.chaos_services import DISTURBED_DATABASE, ChaosServices
from tests.studies.chaos.reference import read_log
from tfstream.app.scoring import champion as champions
from tfstream.app.scoring.assigned_partition import AssignedPartition
from tfstream.app.scoring.episode_tracker import EpisodeTracker
from tfstream.core.messages.anomaly_event import iso
from tfstream.core.messages.codec import Codec
from tfstream.core.messages.dead_letter_limit import DeadLetterLimit
from tfstream.core.stream import StreamDefinition
from tfstream.core.windowing.partition_tracks import TrackEvent, WindowReady
from tfstream.core.windowing.window import WindowShape
from tfstream.storage import models, streams
from tfstream.storage.database import Database
from tfstream.storage.streams import StreamRecord
from tfstream.streaming.records import to_record

NO_LIMIT = DeadLetterLimit(run=0, share=0.0)
_BATCH = 500


def rescore_log(
    services: ChaosServices, topic: str, versions: Mapping[tuple[str, str], int]
) -> Counter[tuple[bytes | None, bytes | None]]:
    """Keys and values of all scores and events, each hop scored by the model version given for it.

    A hop without a version, because its score is missing, is scored by the version before.
    """
    database = Database(services.url(DISTURBED_DATABASE))
    try:
        with database.begin() as connection:
            stream = streams.get(connection, topic)
        trackers = {
            version: _tracker(database, stream, version) for version in sorted(set(versions.values()))
        }
    finally:
        database.close()
    return _outputs(services, stream, trackers, versions)


def _tracker(database: Database, stream: StreamRecord, version: int) -> EpisodeTracker:
    with database.begin() as connection:
        row = models.load(connection, stream.id, version)
    return EpisodeTracker(stream.definition, champions.load(row, stream.definition))


def _outputs(
    services: ChaosServices,
    stream: StreamRecord,
    trackers: Mapping[int, EpisodeTracker],
    versions: Mapping[tuple[str, str], int],
) -> Counter[tuple[bytes | None, bytes | None]]:
    """Track events are processed in batches of one model: a single window costs as much as a batch."""
    definition, first = stream.definition, trackers[min(trackers)]
    shape = first.champion.detector.shape
    partitions: dict[int, AssignedPartition] = {}
    tracker_of: dict[str, EpisodeTracker] = {}
    batch: list[tuple[AssignedPartition, TrackEvent]] = []
    current = first
    for partition, event in _track_events(services, definition, shape, partitions):
        if isinstance(event, WindowReady):
            ts = iso(event.window.end_us(definition.interval_us))
            if (event.asset, ts) in versions:
                tracker_of[event.asset] = trackers[versions[event.asset, ts]]
        tracker = tracker_of.get(event.asset, first)
        if tracker is not current or len(batch) == _BATCH:
            current.take(batch)
            current, batch = tracker, []
        batch.append((partition, event))
    current.take(batch)
    return Counter(
        (output.key, output.value) for partition in partitions.values() for output in partition.outputs
    )


def _track_events(
    services: ChaosServices,
    definition: StreamDefinition,
    shape: WindowShape,
    partitions: dict[int, AssignedPartition],
) -> Iterator[tuple[AssignedPartition, TrackEvent]]:
    codec = Codec(definition)
    for message in read_log(services.broker.bootstrap, definition.topic):
        record = to_record(message)
        partition = partitions.setdefault(
            record.partition, AssignedPartition(record.partition, definition, shape, NO_LIMIT)
        )
        for event in partition.read(record, codec):
            yield partition, event
