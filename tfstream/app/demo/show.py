"""``tfstream demo``: a simulated plant, recorded, learnt and scored through real services."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from tfstream.app import champion as champions
from tfstream.app.demo import schedule
from tfstream.app.demo.faults import Fault, attacks, inject
from tfstream.app.demo.plant import MINUTE_US, WaterPlant
from tfstream.app.demo.services import Services
from tfstream.app.demo.truth import Comparison, Detection, compare
from tfstream.app.files import SensorTable
from tfstream.app.recorder import Recorder
from tfstream.app.replay import replay
from tfstream.app.scorer import Scorer, ScorerOptions
from tfstream.app.scoring import Champion
from tfstream.app.sink import Sink, beside
from tfstream.app.training import TrainingOptions, TrainingResult, train
from tfstream.core.reading import Series
from tfstream.core.stream import StreamDefinition
from tfstream.storage import anomalies, migrate, streams
from tfstream.storage.anomalies import AnomalyRow
from tfstream.storage.database import Database
from tfstream.storage.moments import to_us
from tfstream.storage.streams import StreamRecord
from tfstream.streaming.topics import ensure_output_topics, ensure_topic

_START_US = (
    1_767_571_200_000_000  # Monday, 2026-01-05: a fixed date, so that a seed always tells the same story
)
_SCORED_MINUTES = schedule.MINUTES
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
    faults: tuple[Fault, ...]
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


def show(services: Services, options: DemoOptions, report: Report) -> DemoResult:
    """Simulate, record, train, score; every reading goes through Kafka, every result comes from SQL."""
    properties, watch = services.settings.require_kafka(), Stopwatch()
    plant = WaterPlant(options.seed, options.assets)
    history, day, faults = _simulated(plant, options)
    watch.lap("simulate")

    migrate.upgrade(services.settings.require_database())
    database = Database(services.settings.require_database())
    stream = _defined(database, plant, options)
    topic = stream.definition.topic
    ensure_topic(properties, topic, _PARTITIONS)
    ensure_output_topics(properties, topic)

    for number, part in enumerate(_days(history), start=1):  # no more than a small broker keeps
        _send(services, stream, part, report, f"send day {number}")
        Recorder(properties, database, stream).run(_never, until_end=True)
    watch.lap("record")
    training = train(database, stream, TrainingOptions(seed=options.seed), report)
    champion = champions.wait(database, stream, _never)
    assert champion is not None
    watch.lap("train")

    scorer = Scorer(properties, stream.definition, champion, _scorer_options(topic), lambda version: None)
    live = _Live(scorer, lambda: _send(services, stream, day, report, "send the day"), report)
    with beside(Sink(properties, database, stream), drain=True):
        scorer.run(live.over)
    live.join()
    watch.lap("score")
    Recorder(properties, database, stream).run(_never, until_end=True)
    watch.lap("record the day")

    with database.begin() as connection:
        episodes = anomalies.find(connection, topic=topic, limit=1000)
    scored_from = int(day[0].times_us[0])
    raised = [row for row in episodes if to_us(row.started_at) >= scored_from]
    return DemoResult(
        stream=stream,
        champion=champion,
        training=training,
        scored_from_us=scored_from,
        scored_until_us=int(day[0].times_us[-1]),
        rows=scorer.progress.records,
        windows=scorer.progress.windows,
        seconds=watch.seconds,
        episodes=raised,
        faults=faults,
        comparison=compare([detection(row, champion) for row in raised], faults, grace_us=_GRACE_US),
    )


def raised_us(row: AnomalyRow, champion: Champion) -> int:
    """When the alarm came: at the end of the hop that crossed the threshold."""
    return to_us(row.started_at) + champion.detector.hop_rows * champion.detector.interval_us


def detection(row: AnomalyRow, champion: Champion) -> Detection:
    return Detection(
        episode=str(row.id),
        asset=row.asset,
        start_us=raised_us(row, champion),
        end_us=None if row.ended_at is None else to_us(row.ended_at),
        sensors=tuple(sensor["name"] for sensor in row.sensors),
    )


def _simulated(
    plant: WaterPlant, options: DemoOptions
) -> tuple[list[Series], list[Series], tuple[Fault, ...]]:
    """Normal days to learn from, and the day with the faults."""
    learnt = options.training_days * 1440
    faults = schedule.plan(plant, _START_US + learnt * MINUTE_US)
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
        taken = {stream.definition.topic for stream in streams.list_all(connection)}
        names = ("plant.sensors", *(f"plant-{number}.sensors" for number in range(2, 1000)))
        topic = next(name for name in names if name not in taken)
        definition = StreamDefinition(
            topic=topic,
            sensors=plant.sensors,
            interval_us=plant.interval_us,
            alarm_budget_per_week=options.alarm_budget_per_week,
        )
        return streams.add(connection, definition)


def _send(
    services: Services, stream: StreamRecord, series: Sequence[Series], report: Report, act: str
) -> int:
    """Send what the plant measured; returns the number of messages."""
    table = SensorTable(
        source="the simulated plant",
        sensors=stream.definition.sensors,
        assets=[one.asset for one in series for _ in one.times_us],
        times_us=np.concatenate([one.times_us for one in series]),
        values=np.concatenate([one.values for one in series]),
    )
    return replay(
        services.settings.require_kafka(), table, stream.definition, progress=lambda done: report(act, done)
    )


def _scorer_options(topic: str) -> ScorerOptions:
    """From the present end on: the day is sent while the scorer runs."""
    return ScorerOptions(
        group=f"tfstream.score.{topic}", transactional_id=f"tfstream.{topic}.demo", start="latest"
    )


class _Live:
    """Sends the day once the scorer listens, and says when all of it has been scored."""

    def __init__(self, scorer: Scorer, send: Callable[[], int], report: Report) -> None:
        self._scorer = scorer
        self._report = report
        self._sent: int | None = None
        self._error: BaseException | None = None
        self._send = send
        self._thread = threading.Thread(target=self._run, name="plant", daemon=True)

    def over(self) -> bool:
        """Asked by the scorer before each batch."""
        if self._thread.ident is None:
            if self._scorer.listening:
                self._thread.start()
            return False
        done = self._scorer.progress.records
        if self._sent:
            self._report("score", min(done / self._sent, 1.0))
        return self._error is not None or (self._sent is not None and done >= self._sent)

    def join(self) -> None:
        self._thread.join()
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        try:
            self._sent = self._send()
        except BaseException as error:
            self._error = error


def _never() -> bool:
    return False
