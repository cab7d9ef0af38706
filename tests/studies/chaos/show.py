"""One show: the cast at work on a stage, faults done to it, and in the end the verdict."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace

from tests.studies.chaos import reference
from tests.studies.chaos.cast import Actor, Cast
from tests.studies.chaos.entry import CARELESS
from tests.studies.chaos.faults import Outcome, Scenery, carry_out
from tests.studies.chaos.feed import Feeder
from tests.studies.chaos.plan import FEEDS, SCORERS, Fault
from tests.studies.chaos.records import OUTPUTS, Reader
from tests.studies.chaos.stage import Stage
from tests.studies.chaos.verdict import Verdict, settle, verdict
from tests.studies.chaos.waiting import TooLate
from tfstream.streaming.topics import ensure_output_topics

Say = Callable[[str], None]
AT_ONCE = 3  # faults that may overlap, where they touch different things
COMMIT_INTERVAL = "200ms"


@dataclass(kw_only=True)
class Settings:
    """``careless`` scorers do not read again what their windows hold: the check must find them out."""

    topic: str = "chaos.sensors"
    seed: int = 1
    rounds_per_s: float = 10.0
    careless: bool = False
    scorers: tuple[str, ...] = SCORERS
    haste: float = 1.0  # by which the plan's pauses are divided


@dataclass(kw_only=True)
class Told:
    """All that a show leaves behind."""

    done: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)
    exits: dict[str, Counter[int]] = field(default_factory=dict)
    records_sent: int = 0
    faults_s: float = 0.0
    verdict: Verdict = field(default_factory=Verdict)

    @property
    def passed(self) -> bool:
        return not self.broken and self.verdict.passed


def perform(
    stage: Stage, faults: Iterable[Fault], settings: Settings, say: Say, until: float = float("inf")
) -> Told:
    """Run the cast, do the faults until they are over or the time is (``until``, monotonic), compare."""
    told = Told()
    topic, bootstrap = settings.topic, stage.broker.bootstrap
    stage.define(topic)
    reference.make_source(bootstrap, topic)
    ensure_output_topics({"bootstrap.servers": bootstrap}, topic)
    with Reader(bootstrap, output_topics(topic)) as reader:
        with company(stage, settings) as cast:
            with Feeder(bootstrap, topic, settings.seed, rounds_per_s=settings.rounds_per_s) as feeder:
                cast.await_ready([*settings.scorers, *FEEDS])
                began = time.monotonic()
                scenery = Scenery(topic, stage, cast, feeder, _new_scorer(stage, settings), threading.Event())
                hurried = (replace(fault, pause_s=fault.pause_s / settings.haste) for fault in faults)
                _do_all(hurried, scenery, told, say, until)
                told.faults_s = time.monotonic() - began
            told.records_sent = feeder.sent
            say("the faults are over; waiting until all is dealt with")
            final, late = settle(stage, topic, cast)
            told.exits = cast.exits
            told.broken += late + _defects(cast)
        reference.copy_log(bootstrap, stage.quiet_bootstrap, topic)
        say("scoring the same log once more, undisturbed")
        reference.undisturbed(stage, topic)
        told.verdict = verdict(stage, topic, reader, final)
    for words in [*told.broken, *told.verdict.reader_errors, *told.verdict.words]:
        say(words)
    return told


def output_topics(topic: str) -> list[str]:
    return [f"{topic}.{output}" for output in OUTPUTS]


@contextmanager
def company(stage: Stage, settings: Settings) -> Iterator[Cast]:
    """The scorers, one of them with a sink of its own, a sink alone, a recorder."""
    new_scorer = _new_scorer(stage, settings)
    folder = stage.folder / settings.topic
    folder.mkdir(parents=True, exist_ok=True)
    with Cast() as cast:
        for name in settings.scorers:
            cast.add(new_scorer(name, name))
        for role, command in zip(FEEDS, ("record", "sink"), strict=True):
            cast.add(Actor(role, [command, "--topic", settings.topic], stage.environment, folder))
        yield cast


def _new_scorer(stage: Stage, settings: Settings) -> Callable[[str, str], Actor]:
    environment = {**stage.environment, **({CARELESS: "1"} if settings.careless else {})}

    def make(name: str, slot: str) -> Actor:
        arguments = ["score", "--topic", settings.topic, "--slot", slot, "--commit-interval", COMMIT_INTERVAL]
        if slot != SCORERS[0]:
            arguments.append("--no-sink")
        return Actor(name, arguments, environment, stage.folder / settings.topic)

    return make


def _do_all(faults: Iterable[Fault], scenery: Scenery, told: Told, say: Say, until: float) -> None:
    """In the order of the plan, three at a time where they do not touch the same."""
    locks: dict[str, threading.Lock] = {}
    work = iter(faults)
    turn = threading.Lock()
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="fault") as pool:
        lanes = [pool.submit(_lane, work, turn, locks, scenery, told, say, until) for _ in range(AT_ONCE)]
        for lane in lanes:
            lane.result()


def _lane(
    work: Iterator[Fault],
    turn: threading.Lock,
    locks: dict[str, threading.Lock],
    scenery: Scenery,
    told: Told,
    say: Say,
    until: float,
) -> None:
    while True:
        with turn, ExitStack() as held:  # the next in the plan waits for what it touches; those after it wait
            fault = next(work, None)
            if fault is None or time.monotonic() >= until:
                return
            scenery.over.wait(fault.pause_s)
            for name in sorted(fault.touches):
                held.enter_context(locks.setdefault(name, threading.Lock()))
            free = held.pop_all()
        with free:
            began = time.monotonic()
            outcome = _carried_out(fault, scenery)
        _note(told, fault, outcome, time.monotonic() - began, say)


def _carried_out(fault: Fault, scenery: Scenery) -> Outcome:
    try:
        return carry_out(fault, scenery)
    except TooLate as late:
        return Outcome(broken=[f"{fault.kind} {fault.target}: {late}"])


def _note(told: Told, fault: Fault, outcome: Outcome, seconds: float, say: Say) -> None:
    told.done[fault.kind] += 1
    told.broken += outcome.broken
    words = [f"{told.done.total():3d}", f"{seconds:5.1f} s", fault.kind, fault.target, outcome.said]
    say("  ".join(word for word in [*words, *outcome.broken] if word))


def _defects(cast: Cast) -> list[str]:
    """Lines that no process should ever write, and exit codes that none should have."""
    found = [
        f"{log.stem}: {line.strip()}"
        for log in cast.logs()
        for line in log.read_text(encoding="utf-8", errors="replace").splitlines()
        if "this is a defect" in line or "Traceback" in line
    ]
    allowed = {0, 1, 4, -9, -15, 130}
    found += [
        f"a {role} ended with {code}"
        for role, codes in cast.exits.items()
        for code in codes
        if code not in allowed
    ]
    return found
