"""What each kind of fault does. A function for each; :func:`carry_out` finds the one for a fault."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import cycle
from typing import NamedTuple

from confluent_kafka import TopicPartition

from tests.studies.chaos import records
from tests.studies.chaos.cast import Actor, Cast
from tests.studies.chaos.feed import Feeder
from tests.studies.chaos.plan import BROKER, COMMIT_STEPS, POSTGRES, SCORERS, Fault
from tests.studies.chaos.stage import Stage
from tests.studies.chaos.waiting import wait_for

DRAIN_S = 30.0  # within which a process must have ended well after SIGTERM
_READY_S = 120.0
_METADATA = ("{not ours", "")  # corrupt and absent, by turns
_FENCED = 1  # the exit code of a process whose transactional id another one has
_ORDER_S = 180.0


class Scenery(NamedTuple):
    """What faults act on."""

    topic: str
    stage: Stage
    cast: Cast
    feeder: Feeder
    new_scorer: Callable[[str, str], Actor]  # (name, slot)
    over: threading.Event  # nothing lasts longer than the show


@dataclass(kw_only=True, slots=True)
class Outcome:
    """What came of a fault: ``said`` in a few words, ``broken`` promises that can be seen at once."""

    said: str = ""
    broken: list[str] = field(default_factory=list)


def carry_out(fault: Fault, scenery: Scenery) -> Outcome:
    """Do it and undo what can be undone; processes that have ended are the supervisor's affair."""
    for beginning, act in _ACTS:
        if fault.kind.startswith(beginning):
            return act(fault, scenery)
    raise KeyError(f"nobody knows how to do {fault.kind!r}")


def _input(fault: Fault, scenery: Scenery) -> Outcome:
    scenery.feeder.strike(fault.kind.partition(": ")[2])
    return Outcome()


def _kill(fault: Fault, scenery: Scenery) -> Outcome:
    """SIGKILL at whatever moment it is, or at a step of a commit."""
    actor = scenery.cast[fault.target]
    step = fault.kind.removeprefix("kill ")
    before = actor.ended
    if step not in COMMIT_STEPS:
        wait_for(lambda: actor.send(signal.SIGKILL), f"{actor.name} to run", _READY_S)
        return Outcome()
    actor.order(step, fault.number)
    wait_for(lambda: actor.ended > before, f"{actor.name} to die {step}", _ORDER_S)
    return Outcome(said=f"at commit {fault.number} from then on")


def _stop_and_resume(fault: Fault, scenery: Scenery) -> Outcome:
    """Stopped past its session and its transaction's timeout, then resumed as if nothing had been."""
    actor = scenery.cast[fault.target]
    wait_for(lambda: actor.send(signal.SIGSTOP), f"{actor.name} to run", _READY_S)
    scenery.over.wait(fault.hold_s)
    actor.send(signal.SIGCONT)
    return Outcome(said=f"for {fault.hold_s:.1f} s")


def _terminate(fault: Fault, scenery: Scenery) -> Outcome:
    """SIGTERM: it commits what it holds and ends with 0 within its deadline."""
    actor = scenery.cast[fault.target]
    scenery.cast.await_ready([actor.name], _READY_S)
    code = actor.end(within_s=DRAIN_S)
    actor.wanted = True
    if code == 0:
        return Outcome(said="ended with 0")
    how = f"with {code}" if code is not None else f"not within {DRAIN_S:.0f} s"
    return Outcome(broken=[f"{actor.name} ended {how} after SIGTERM"])


def _same_slot(fault: Fault, scenery: Scenery) -> Outcome:
    """A second process with the transactional id of the first: the broker fences one of them off."""
    older = scenery.cast[fault.target]
    scenery.cast.await_ready([older.name], _READY_S)
    before = older.exits[_FENCED]
    twin = scenery.cast.add(scenery.new_scorer(f"twin-of-{older.name}", older.name))
    try:
        wait_for(
            lambda: bool(twin.exits[_FENCED]) or older.exits[_FENCED] > before, "one to be fenced", _READY_S
        )
    finally:
        scenery.cast.dismiss(twin, signal.SIGKILL)
    return Outcome(said="one was fenced off")


def _storm(fault: Fault, scenery: Scenery) -> Outcome:
    """Scorers that join at once, and leave one after another, well and badly."""
    outcome = Outcome(said=f"{fault.number} came and went")
    names = [f"storm-{number}" for number in range(fault.number)]
    guests = [scenery.cast.add(scenery.new_scorer(name, name)) for name in names]
    _await_some(guests, scenery)
    for guest, ending in zip(guests, cycle((signal.SIGKILL, signal.SIGTERM)), strict=False):
        if not scenery.cast.dismiss(guest, ending):
            outcome.broken.append(f"{guest.name} did not end within {DRAIN_S:.0f} s")
    return outcome


def _await_some(guests: list[Actor], scenery: Scenery) -> None:
    """With the broker away they may never get so far: a storm waits for nobody for long."""
    wait_for(
        lambda: any(guest.ready or guest.ended for guest in guests) or scenery.over.is_set(),
        "a guest to join",
        _READY_S,
    )


def _metadata(fault: Fault, scenery: Scenery) -> Outcome:
    """The group's offsets as they are, with other metadata, written while no scorer runs."""
    bootstrap, group = scenery.stage.broker.bootstrap, f"tfstream.score.{scenery.topic}"
    with scenery.cast.down(SCORERS) as killed:
        changed = [
            TopicPartition(scenery.topic, partition, found.offset, _METADATA[partition % len(_METADATA)])
            for partition, found in records.committed(bootstrap, scenery.topic, group).items()
            if found.offset >= 0
        ]
        records.rewrite(bootstrap, group, changed)
        held = records.committed(bootstrap, scenery.topic, group)
        assert all((held[one.partition].metadata or "") == one.metadata for one in changed)
    hung = f"; {', '.join(killed)} had to be killed" if killed else ""
    return Outcome(said=f"of {len(changed)} partitions{hung}")


def _broker(fault: Fault, scenery: Scenery) -> Outcome:
    scenery.stage.broker.kill()
    scenery.over.wait(fault.hold_s)
    scenery.stage.broker.start()
    return Outcome()


def _postgres(fault: Fault, scenery: Scenery) -> Outcome:
    scenery.stage.postgres.pause()
    scenery.over.wait(fault.hold_s)
    scenery.stage.postgres.start()
    return Outcome()


_ACTS: tuple[tuple[str, Callable[[Fault, Scenery], Outcome]], ...] = (
    ("input: ", _input),
    ("kill", _kill),
    ("stop and resume", _stop_and_resume),
    ("terminate", _terminate),
    ("same slot twice", _same_slot),
    ("rebalance storm", _storm),
    ("metadata ", _metadata),
    (f"{BROKER} ", _broker),
    (f"{POSTGRES} ", _postgres),
)
