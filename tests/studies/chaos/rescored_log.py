"""What the models that the scores name compute from a log, in this process and without transactions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress

from tests.studies.chaos.chaos_services import DISTURBED_DATABASE, ChaosServices
from tests.studies.chaos.reference import read_log
from tfstream.app.detection import champion as champions
from tfstream.app.detection.asset_update import AssetEvent
from tfstream.app.detection.episode_tracker import EpisodeTracker
from tfstream.app.scoring.event_builder import EventBuilder
from tfstream.core.messages.anomaly_event import iso
from tfstream.core.messages.codec import Codec
from tfstream.core.reading import InvalidReading
from tfstream.core.state import AssetMemory
from tfstream.core.stream import StreamDefinition
from tfstream.core.windowing.partition_tracks import PartitionTracks, TrackEvent, WindowReady
from tfstream.core.windowing.window import WindowShape
from tfstream.storage import models, streams
from tfstream.storage.database import Database
from tfstream.storage.streams import StreamRecord
from tfstream.streaming.records import to_record

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
    memories: dict[str, AssetMemory | None] = {}
    tracker_of: dict[str, EpisodeTracker] = {}
    outputs: Counter[tuple[bytes | None, bytes | None]] = Counter()
    batch: list[AssetEvent] = []
    current = first
    for partition, event in _track_events(services, definition, first.champion.detector.shape):
        if isinstance(event, WindowReady):
            ts = iso(event.window.end_us(definition.interval_us))
            if (event.asset, ts) in versions:
                tracker_of[event.asset] = trackers[versions[event.asset, ts]]
        tracker = tracker_of.get(event.asset, first)
        if tracker is not current or len(batch) == _BATCH:
            outputs.update(_process(stream, current, batch, memories))
            current, batch = tracker, []
        batch.append(AssetEvent(partition, memories.get(event.asset), event))
    outputs.update(_process(stream, current, batch, memories))
    return outputs


def _process(
    stream: StreamRecord,
    tracker: EpisodeTracker,
    batch: Sequence[AssetEvent],
    memories: dict[str, AssetMemory | None],
) -> Iterator[tuple[bytes | None, bytes | None]]:
    """Keys and values of a batch's records; keeps the assets' memories after it in ``memories``."""
    builder = EventBuilder(stream.definition, tracker.champion)
    for (partition, _, _), update in zip(batch, tracker.process_batch(batch), strict=True):
        memories[update.asset] = update.memory
        for output in builder.outputs(partition, update):
            yield output.key, output.value


def _track_events(
    services: ChaosServices, definition: StreamDefinition, shape: WindowShape
) -> Iterator[tuple[int, TrackEvent]]:
    """The track events of a log with their partitions; unreadable messages have none."""
    codec, tracks = Codec(definition), dict[int, PartitionTracks]()
    for message in read_log(services.broker.bootstrap, definition.topic):
        record = to_record(message)
        partition = tracks.setdefault(record.partition, PartitionTracks(definition, shape))
        with suppress(InvalidReading):
            reading = codec.decode(record.value, record.key, record.time_ms)
            for event in partition.push(reading, record.offset):
                yield record.partition, event
