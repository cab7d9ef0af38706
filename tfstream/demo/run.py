"""The steps of ``tfstream demo``: simulate a plant, record, train, score, and compare with the faults.

All readings go through Kafka, and all results come from PostgreSQL.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from tfstream.app.detection import champion as champions
from tfstream.app.detection.champion import Champion
from tfstream.app.scoring.scorer_progress import Progress
from tfstream.app.training.train import TrainingResult, train
from tfstream.app.training.training_options import TrainingOptions
from tfstream.core.messages.witness import Witness
from tfstream.core.stream import StreamDefinition
from tfstream.demo.fault_outcomes import Comparison, DetectedEpisode, compare, main_sensors_of
from tfstream.demo.live_scoring import score_live
from tfstream.demo.plant.faults import PlantFault
from tfstream.demo.plant.water_plant import WaterPlant
from tfstream.demo.reading_sender import ReadingSender, run_recorder
from tfstream.demo.services import Services
from tfstream.demo.simulation import Simulation, simulate, split_days
from tfstream.storage import anomalies, migrate, streams
from tfstream.storage.anomalies import AnomalyRow
from tfstream.storage.database import Database
from tfstream.storage.datetimes import to_us
from tfstream.storage.streams import StreamRecord
from tfstream.streaming.connection.properties import Properties
from tfstream.streaming.topics import ensure_output_topics, ensure_topic

_PARTITIONS = 3
_MOST_EPISODES = 1000

Report = Callable[[str, float], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class DemoOptions:
    """The detector learns from ``training_days`` of normal readings before the day with the faults."""

    seed: int = 0
    assets: int = 3
    training_days: int = 4
    alarm_budget_per_week: float = 1.0


@dataclass(frozen=True, kw_only=True, slots=True)
class DemoResult:
    """The results of a run. ``seconds`` holds the duration of each step."""

    stream: StreamRecord
    champion: Champion
    training: TrainingResult
    scored_from_us: int
    scored_until_us: int
    rows: int
    windows: int
    seconds: dict[str, float]
    episodes: list[AnomalyRow]
    faults: tuple[PlantFault, ...]
    comparison: Comparison


@dataclass(frozen=True, kw_only=True, slots=True)
class _Context:
    """What the steps share."""

    properties: Properties
    database: Database
    stream: StreamRecord
    options: DemoOptions
    report: Report


class _StepTimer:
    """Measures the duration of steps that follow each other."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._started = time.monotonic()

    def finish(self, step: str) -> None:
        now = time.monotonic()
        self.seconds[step] = round(now - self._started, 1)
        self._started = now


def run_demo(services: Services, options: DemoOptions, report: Report) -> DemoResult:
    """Run all steps of the demo on running services.

    :param report: receives (name of the step, part done from 0 to 1).
    """
    timer = _StepTimer()
    plant = WaterPlant(options.seed, options.assets)
    simulation = simulate(plant, training_days=options.training_days, seed=options.seed)
    timer.finish("simulate")
    context = _create_stream(services, plant, options, report)
    with run_recorder(context.properties, context.database, context.stream, report) as sender:
        _record(sender, simulation)
        timer.finish("record")
        training, champion = _train(context)
        timer.finish("train")
        progress = _score(context, champion, sender, simulation)
        timer.finish("score")
    episodes = _read_episodes(context, simulation)
    return DemoResult(
        stream=context.stream,
        champion=champion,
        training=training,
        scored_from_us=simulation.scored_from_us,
        scored_until_us=simulation.scored_until_us,
        rows=progress.records,
        windows=progress.windows,
        seconds=timer.seconds,
        episodes=episodes,
        faults=simulation.faults,
        comparison=_compare(episodes, champion, simulation),
    )


def raised_us(row: AnomalyRow, champion: Champion) -> int:
    """Return the event time of the alarm: the end of the rows in which a witness crossed its threshold.

    The score does so in a hop; the other witnesses see every step of a window. The demo's stream has no
    minimum duration, so that these rows are the first of the episode.
    """
    by_score = row.witnesses[:1] == [Witness.SCORE.value]
    shape, interval_us = champion.detector.shape, champion.detector.interval_us
    return to_us(row.started_at) + (shape.hop if by_score else shape.step) * interval_us


def _create_stream(services: Services, plant: WaterPlant, options: DemoOptions, report: Report) -> _Context:
    """Create the database schema, the stream and its topics."""
    properties, url = services.settings.require_kafka(), services.settings.require_database()
    migrate.upgrade(url)
    database = Database(url)
    stream = _add_stream(database, plant, options)
    ensure_topic(properties, stream.definition.topic, _PARTITIONS)
    ensure_output_topics(properties, stream.definition.topic)
    return _Context(properties=properties, database=database, stream=stream, options=options, report=report)


def _add_stream(database: Database, plant: WaterPlant, options: DemoOptions) -> StreamRecord:
    """Add the plant's stream under a topic that no earlier demo on these services used."""
    with database.begin() as connection:
        used = set(streams.topics(connection))
        names = ("plant.sensors", *(f"plant-{number}.sensors" for number in range(2, 1000)))
        topic = next(name for name in names if name not in used)
        return streams.add(connection, define_stream(plant, options, topic))


def define_stream(plant: WaterPlant, options: DemoOptions, topic: str) -> StreamDefinition:
    """The plant's stream; everything that the options do not set has the product's default."""
    return StreamDefinition(
        topic=topic,
        sensors=plant.sensors,
        interval_us=plant.interval_us,
        alarm_budget_per_week=options.alarm_budget_per_week,
    )


def _record(sender: ReadingSender, simulation: Simulation) -> None:
    """Record the training days. Each day is stored before the next is sent: a small broker keeps little."""
    for number, day in enumerate(split_days(simulation.training_days), start=1):
        sender.send(day, f"send day {number}")
        sender.wait_until_recorded()


def _train(context: _Context) -> tuple[TrainingResult, Champion]:
    """Train and promote a model, and load it as the champion."""
    training = train(context.database, context.stream, training_options(context.options), context.report)
    champion = champions.wait(context.database, context.stream, lambda: False)
    assert champion is not None
    return training, champion


def training_options(options: DemoOptions) -> TrainingOptions:
    """How the demo fits: without the gate, since a first model has no champion to be compared with."""
    return TrainingOptions(seed=options.seed, gate=False)


def _score(context: _Context, champion: Champion, sender: ReadingSender, simulation: Simulation) -> Progress:
    """Score the day with the faults while it is sent, and record it, too."""

    def send() -> int:
        return sender.send(simulation.scored_day, "send the scored day")

    progress = score_live(
        context.properties, context.database, context.stream, champion, send, context.report
    )
    sender.wait_until_recorded()
    return progress


def _read_episodes(context: _Context, simulation: Simulation) -> list[AnomalyRow]:
    """The episodes of the scored day."""
    with context.database.begin() as connection:
        rows = anomalies.find(connection, topic=context.stream.definition.topic, limit=_MOST_EPISODES)
    return [row for row in rows if to_us(row.started_at) >= simulation.scored_from_us]


def _compare(episodes: list[AnomalyRow], champion: Champion, simulation: Simulation) -> Comparison:
    detections = [_detected_episode(row, champion) for row in episodes]
    return compare(detections, simulation.faults, interval_us=champion.detector.interval_us)


def _detected_episode(row: AnomalyRow, champion: Champion) -> DetectedEpisode:
    return DetectedEpisode(
        episode=str(row.id),
        asset=row.asset,
        raised_us=raised_us(row, champion),
        ended_us=None if row.ended_at is None else to_us(row.ended_at),
        sensors=tuple(sensor["name"] for sensor in row.sensors),
        main_sensors=main_sensors_of([(sensor["name"], sensor["share"]) for sensor in row.sensors]),
    )
