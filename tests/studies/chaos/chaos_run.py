"""A chaos run: processes under faults, then the comparison with the undisturbed pass."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.studies.chaos import reference
from tests.studies.chaos.chaos_services import ChaosServices
from tests.studies.chaos.comparison import (
    ChaosComparison,
    compare_with_undisturbed,
    output_topics,
    wait_until_processed,
)
from tests.studies.chaos.crashing_process import WITHOUT_REWIND
from tests.studies.chaos.fault_actions import FaultContext
from tests.studies.chaos.fault_plan import SCORERS, TABLE_WRITERS, PlannedFault
from tests.studies.chaos.fault_runner import FaultRunner, Log
from tests.studies.chaos.kafka_records import ConcurrentReader
from tests.studies.chaos.reading_producer import ReadingProducer
from tests.studies.chaos.supervised_process import SupervisedProcess
from tests.studies.chaos.supervisor import Supervisor
from tfstream.streaming.topics import ensure_output_topics

COMMIT_INTERVAL = "200ms"
_ALLOWED_EXITS = {0, 1, 4, -9, -15, 130}


@dataclass(kw_only=True)
class ChaosSettings:
    """``without_rewind``: scorers do not read their open windows again, which the comparison must detect.

    ``pause_divisor`` shortens the pauses between the planned faults.
    """

    topic: str = "chaos.sensors"
    seed: int = 1
    rounds_per_s: float = 10.0
    without_rewind: bool = False
    scorers: tuple[str, ...] = SCORERS
    pause_divisor: float = 1.0


@dataclass(kw_only=True)
class ChaosResult:
    """Applied faults by kind, broken promises, exit codes by role, and the comparison."""

    applied: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)
    exits: dict[str, Counter[int]] = field(default_factory=dict)
    records_sent: int = 0
    faults_s: float = 0.0
    comparison: ChaosComparison = field(default_factory=ChaosComparison)

    @property
    def passed(self) -> bool:
        return not self.broken and self.comparison.passed


def run_chaos(
    services: ChaosServices,
    faults: Iterable[PlannedFault],
    settings: ChaosSettings,
    log: Log,
    until: float = float("inf"),
) -> ChaosResult:
    """Apply the faults until they or the time (``until``, monotonic) end, then compare."""
    result = ChaosResult()
    topic, bootstrap = settings.topic, services.broker.bootstrap
    create_topics(services, topic)
    with ConcurrentReader(bootstrap, output_topics(topic)) as reader:
        with running_processes(services, settings) as supervisor:
            _apply_faults(services, supervisor, faults, settings, log, until, result)
            log("the faults are over; waiting until everything is processed")
            final, late = wait_until_processed(services, topic, supervisor)
            result.exits = supervisor.exits
            result.broken += late + _defects(supervisor)
        reference.copy_log(bootstrap, services.undisturbed_bootstrap, topic)
        log("scoring the same log once more, undisturbed")
        reference.run_undisturbed(services, topic)
        result.comparison = compare_with_undisturbed(services, topic, reader, final)
    for line in [*result.broken, *result.comparison.reader_errors, *result.comparison.lines]:
        log(line)
    return result


def create_topics(services: ChaosServices, topic: str) -> None:
    """The stream in both databases, and its topics on the disturbed broker."""
    services.define_stream(topic)
    reference.create_source_topic(services.broker.bootstrap, topic)
    ensure_output_topics({"bootstrap.servers": services.broker.bootstrap}, topic)


def _apply_faults(
    services: ChaosServices,
    supervisor: Supervisor,
    faults: Iterable[PlannedFault],
    settings: ChaosSettings,
    log: Log,
    until: float,
    result: ChaosResult,
) -> None:
    bootstrap, topic = services.broker.bootstrap, settings.topic
    with ReadingProducer(bootstrap, topic, settings.seed, rounds_per_s=settings.rounds_per_s) as producer:
        supervisor.wait_until_ready([*settings.scorers, *TABLE_WRITERS])
        context = FaultContext(
            topic=topic,
            services=services,
            supervisor=supervisor,
            producer=producer,
            new_scorer=_scorer_factory(services, settings),
            over=threading.Event(),
        )
        runner = FaultRunner(faults, context, log, pause_divisor=settings.pause_divisor, until=until)
        result.faults_s = runner.run()
    result.applied, result.broken = runner.applied, runner.broken
    result.records_sent = producer.sent


@contextmanager
def running_processes(services: ChaosServices, settings: ChaosSettings) -> Iterator[Supervisor]:
    """The scorers, of which the first has its own sink thread, a separate sink, and a recorder."""
    new_scorer = _scorer_factory(services, settings)
    folder = services.folder / settings.topic
    folder.mkdir(parents=True, exist_ok=True)
    with Supervisor() as supervisor:
        for name in settings.scorers:
            supervisor.add(new_scorer(name, name))
        for role, command in zip(TABLE_WRITERS, ("record", "sink"), strict=True):
            arguments = [command, "--topic", settings.topic]
            supervisor.add(SupervisedProcess(role, arguments, services.environment, folder))
        yield supervisor


def _scorer_factory(
    services: ChaosServices, settings: ChaosSettings
) -> Callable[[str, str], SupervisedProcess]:
    environment = {**services.environment, **({WITHOUT_REWIND: "1"} if settings.without_rewind else {})}

    def new_scorer(name: str, slot: str) -> SupervisedProcess:
        arguments = ["score", "--topic", settings.topic, "--slot", slot, "--commit-interval", COMMIT_INTERVAL]
        if slot != SCORERS[0]:
            arguments.append("--no-sink")
        return SupervisedProcess(name, arguments, environment, services.folder / settings.topic)

    return new_scorer


def _defects(supervisor: Supervisor) -> list[str]:
    """Log lines and exit codes that show a defect."""
    lines = [
        f"{log_file.stem}: {line.strip()}"
        for log_file in supervisor.log_files()
        for line in log_file.read_text(encoding="utf-8", errors="replace").splitlines()
        if "this is a defect" in line or "Traceback" in line
    ]
    exits = [
        f"a {role} ended with {code}"
        for role, codes in supervisor.exits.items()
        for code in codes
        if code not in _ALLOWED_EXITS
    ]
    return lines + exits
