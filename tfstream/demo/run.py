"""``tfstream demo``: a simulated plant, recorded, learnt and scored through real services."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from tfstream.app.ingest.sink import Sink, background_sink
from tfstream.app.runtime.background import Background, Stop, run_beside
from tfstream.app.scoring import champion as champions
from tfstream.app.scoring.progress import Progress
from tfstream.app.scoring.score_batch import Champion
from tfstream.app.scoring.scorer import Scorer, ScorerOptions
from tfstream.app.training.train import TrainingResult, train
from tfstream.app.training.training_options import TrainingOptions
from tfstream.core.reading import Series
from tfstream.core.stream import StreamDefinition
from tfstream.demo.fault_outcomes import Comparison, DetectedEpisode, compare
from tfstream.demo.plant import fault_schedule
from tfstream.demo.plant.faults import PlantFault, attacks, inject
from tfstream.demo.plant.water_plant import MINUTE_US, WaterPlant
from tfstream.demo.playback import recording
from tfstream.demo.services import Services
from tfstream.storage import anomalies, migrate, streams
from tfstream.storage.anomalies import AnomalyRow
from tfstream.storage.database import Database
from tfstream.storage.datetimes import to_us
from tfstream.storage.streams import StreamRecord
from tfstream.streaming.properties import Properties
from tfstream.streaming.topics import ensure_output_topics, ensure_topic

_START_US = (
    1_767_571_200_000_000  # Monday, 2026-01-05: a fixed date, so that a seed always tells the same story
)
_SCORED_MINUTES = fault_schedule.MINUTES
_GRACE_US = 60 * MINUTE_US
_PARTITIONS = 3

Report = Callable[[str, float], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class DemoOptions:
    """``training_days`` of normal readings are learnt before the day with the faults."""

    seed: int = 0
    assets: int = 3
    training_days: int = 4
    alarm_budget_per_week: float = 1.0


@dataclass(frozen=True, kw_only=True, slots=True)
class DemoResult:
    """What there is to show afterwards."""

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


class Stopwatch:
    """How long each act took."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._since = time.monotonic()

    def lap(self, act: str) -> None:
        now = time.monotonic()
        self.seconds[act] = round(now - self._since, 1)
        self._since = now


def run_demo(services: Services, options: DemoOptions, report: Report) -> DemoResult:
    """Simulate, record, train, score; every reading goes through Kafka, every result comes from SQL."""
    properties, watch = services.settings.require_kafka(), Stopwatch()
    plant = WaterPlant(options.seed, options.assets)
    history, day, faults = _simulated(plant, options)
    watch.lap("simulate")

    migrate.upgrade(services.settings.require_database())
    database = Database(services.settings.require_database())
    stream = _defined(database, plant, options)
    ensure_topic(properties, stream.definition.topic, _PARTITIONS)
    ensure_output_topics(properties, stream.definition.topic)

    with recording(properties, database, stream, report) as tape:
        for number, part in enumerate(_days(history), start=1):  # no more than a small broker keeps
            tape.send(part, f"send day {number}")
            tape.wait()
        watch.lap("record")
        training = train(database, stream, TrainingOptions(seed=options.seed, gate=False), report)
        champion = champions.wait(database, stream, _never)
        assert champion is not None
        watch.lap("train")
        progress = _score(
            properties, database, stream, champion, lambda: tape.send(day, "send the day"), report
        )
        tape.wait()
        watch.lap("score")

    with database.begin() as connection:
        episodes = anomalies.find(connection, topic=stream.definition.topic, limit=1000)
    scored_from = int(day[0].times_us[0])
    raised = [row for row in episodes if to_us(row.started_at) >= scored_from]
    return DemoResult(
        stream=stream,
        champion=champion,
        training=training,
        scored_from_us=scored_from,
        scored_until_us=int(day[0].times_us[-1]),
        rows=progress.records,
        windows=progress.windows,
        seconds=watch.seconds,
        episodes=raised,
        faults=faults,
        comparison=compare([detection(row, champion) for row in raised], faults, grace_us=_GRACE_US),
    )


def raised_us(row: AnomalyRow, champion: Champion) -> int:
    """When the alarm came: at the end of the hop that crossed the threshold."""
    return to_us(row.started_at) + champion.detector.hop_rows * champion.detector.interval_us


def detection(row: AnomalyRow, champion: Champion) -> DetectedEpisode:
    return DetectedEpisode(
        episode=str(row.id),
        asset=row.asset,
        start_us=raised_us(row, champion),
        end_us=None if row.ended_at is None else to_us(row.ended_at),
        sensors=tuple(sensor["name"] for sensor in row.sensors),
    )


def _simulated(
    plant: WaterPlant, options: DemoOptions
) -> tuple[list[Series], list[Series], tuple[PlantFault, ...]]:
    """Normal days to learn from, and the day with the faults."""
    learnt = options.training_days * 1440
    faults = fault_schedule.plan(plant, _START_US + learnt * MINUTE_US)
    clean = plant.simulate(learnt + _SCORED_MINUTES, _START_US, attacks(faults))
    faulty = inject(clean, plant.sensors, faults, options.seed)
    history = [Series(one.asset, one.times_us[:learnt], one.values[:learnt]) for one in faulty]
    day = [Series(one.asset, one.times_us[learnt:], one.values[learnt:]) for one in faulty]
    return history, day, faults


def _days(history: Sequence[Series]) -> Iterator[list[Series]]:
    """The history, a day at a time."""
    for start in range(0, len(history[0].times_us), _SCORED_MINUTES):
        day = slice(start, start + _SCORED_MINUTES)
        yield [Series(one.asset, one.times_us[day], one.values[day]) for one in history]


def _defined(database: Database, plant: WaterPlant, options: DemoOptions) -> StreamRecord:
    """The plant's stream, under a name that no earlier demo on the same services has used."""
    with database.begin() as connection:
        taken = set(streams.topics(connection))
        names = ("plant.sensors", *(f"plant-{number}.sensors" for number in range(2, 1000)))
        topic = next(name for name in names if name not in taken)
        definition = StreamDefinition(
            topic=topic,
            sensors=plant.sensors,
            interval_us=plant.interval_us,
            alarm_budget_per_week=options.alarm_budget_per_week,
        )
        return streams.add(connection, definition)


def _score(
    properties: Properties,
    database: Database,
    stream: StreamRecord,
    champion: Champion,
    send: Callable[[], int],
    report: Report,
) -> Progress:
    """Score from the topic's present end on, while the day is sent."""
    topic = stream.definition.topic
    options = ScorerOptions(
        group=f"tfstream.score.{topic}", transactional_id=f"tfstream.{topic}.demo", start="latest"
    )
    scorer = Scorer(properties, stream.definition, champion, options, lambda version: None)
    live = _LiveDay(scorer, send, report)
    with run_beside(background_sink(Sink(properties, database, stream), drain=True)):
        scorer.run(live.over)
    live.end()
    return scorer.progress


class _LiveDay:
    """Sends the day once the scorer listens, and says when all of it has been scored."""

    def __init__(self, scorer: Scorer, send: Callable[[], int], report: Report) -> None:
        self._scorer = scorer
        self._report = report
        self._send = send
        self._sent: int | None = None
        self._sender = Background("plant", self._work)

    def over(self) -> bool:
        """Asked by the scorer before each batch."""
        if not self._sender.started:
            if self._scorer.listening:
                self._sender.start()
            return False
        done = self._scorer.progress.records
        if self._sent:
            self._report("score", min(done / self._sent, 1.0))
        return self._sender.failed or (self._sent is not None and done >= self._sent)

    def end(self) -> None:
        self._sender.end()
        if self._sender.error is not None:
            raise self._sender.error

    def _work(self, stop: Stop) -> None:
        self._sent = self._send()


def _never() -> bool:
    return False
