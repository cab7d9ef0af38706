"""What the models named in the scores make of a log, computed in this process, without Kafka's help."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from tests.studies.chaos.reference import read_log
from tests.studies.chaos.stage import DISTURBED, Stage
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


def replayed(
    stage: Stage, topic: str, versions: Mapping[tuple[str, str], int]
) -> Counter[tuple[bytes | None, bytes | None]]:
    """Keys and values of all scores and events, each hop judged by the model version given for it.

    A hop without a version, whose score is missing, is judged by the version before.
    """
    database = Database(stage.url(DISTURBED))
    try:
        with database.begin() as connection:
            stream = streams.get(connection, topic)
        judges = {version: _judge(database, stream, version) for version in sorted(set(versions.values()))}
    finally:
        database.close()
    return _written(stage, stream, judges, versions)


def _judge(database: Database, stream: StreamRecord, version: int) -> EpisodeTracker:
    with database.begin() as connection:
        row = models.load(connection, stream.id, version)
    return EpisodeTracker(stream.definition, champions.load(row, stream.definition))


def _written(
    stage: Stage,
    stream: StreamRecord,
    judges: Mapping[int, EpisodeTracker],
    versions: Mapping[tuple[str, str], int],
) -> Counter[tuple[bytes | None, bytes | None]]:
    """Findings are judged in batches of one model: a single window costs as much as a batch."""
    definition, first = stream.definition, judges[min(judges)]
    shape = first.champion.detector.shape
    lanes: dict[int, AssignedPartition] = {}
    judge_of: dict[str, EpisodeTracker] = {}
    batch: list[tuple[AssignedPartition, TrackEvent]] = []
    at_work = first
    for lane, found in _findings(stage, definition, shape, lanes):
        if isinstance(found, WindowReady):
            ts = iso(found.window.end_us(definition.interval_us))
            if (found.asset, ts) in versions:
                judge_of[found.asset] = judges[versions[found.asset, ts]]
        judge = judge_of.get(found.asset, first)
        if judge is not at_work or len(batch) == _BATCH:
            at_work.take(batch)
            at_work, batch = judge, []
        batch.append((lane, found))
    at_work.take(batch)
    return Counter((output.key, output.value) for lane in lanes.values() for output in lane.outputs)


def _findings(
    stage: Stage, definition: StreamDefinition, shape: WindowShape, lanes: dict[int, AssignedPartition]
) -> Iterator[tuple[AssignedPartition, TrackEvent]]:
    codec = Codec(definition)
    for message in read_log(stage.broker.bootstrap, definition.topic):
        record = to_record(message)
        lane = lanes.setdefault(
            record.partition, AssignedPartition(record.partition, definition, shape, NO_LIMIT)
        )
        for found in lane.read(record, codec):
            yield lane, found
