"""How each kind of fault is applied to the running processes, services and input."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import cycle
from typing import NamedTuple

from confluent_kafka import TopicPartition

from tests.studies.chaos import kafka_records
from tests.studies.chaos.chaos_services import ChaosServices
from tests.studies.chaos.fault_plan import BROKER, COMMIT_STEPS, POSTGRES, SCORERS, PlannedFault
from tests.studies.chaos.reading_producer import ReadingProducer
from tests.studies.chaos.supervised_process import SupervisedProcess
from tests.studies.chaos.supervisor import Supervisor
from tests.studies.chaos.waiting import wait_for

DRAIN_S = 30.0  # a process must end with exit code 0 within this time after SIGTERM
_READY_S = 120.0
_METADATA = ("{not ours", "")  # corrupt and absent, by turns
_FENCED = 1  # exit code of a process whose transactional id another process has taken
_CRASH_S = 180.0


class FaultContext(NamedTuple):
    """What faults act on; ``over`` is set at the end of the run and ends every pause."""

    topic: str
    services: ChaosServices
    supervisor: Supervisor
    producer: ReadingProducer
    new_scorer: Callable[[str, str], SupervisedProcess]  # (name, slot)
    over: threading.Event


@dataclass(kw_only=True, slots=True)
class FaultResult:
    """A note for the log, and ``broken`` promises that were seen at once."""

    note: str = ""
    broken: list[str] = field(default_factory=list)


def apply_fault(fault: PlannedFault, context: FaultContext) -> FaultResult:
    """Apply the fault and undo what can be undone; the supervisor restarts processes that have ended.

    :raises KeyError: when the kind is unknown.
    """
    for prefix, action in _ACTIONS:
        if fault.kind.startswith(prefix):
            return action(fault, context)
    raise KeyError(f"there is no action for the fault {fault.kind!r}")


def _inject_input(fault: PlannedFault, context: FaultContext) -> FaultResult:
    context.producer.inject(fault.kind.partition(": ")[2])
    return FaultResult()


def _kill(fault: PlannedFault, context: FaultContext) -> FaultResult:
    """SIGKILL at any moment, or at a step of a commit."""
    process = context.supervisor[fault.target]
    step = fault.kind.removeprefix("kill ")
    exits_before = process.exit_count
    if step not in COMMIT_STEPS:
        wait_for(lambda: process.send(signal.SIGKILL), f"a running {process.name}", _READY_S)
        return FaultResult()
    process.order_crash(step, fault.number)
    wait_for(lambda: process.exit_count > exits_before, f"the crash of {process.name} {step}", _CRASH_S)
    return FaultResult(note=f"at commit {fault.number} from then on")


def _stop_and_resume(fault: PlannedFault, context: FaultContext) -> FaultResult:
    """SIGSTOP for longer than the session and transaction timeouts, then SIGCONT."""
    process = context.supervisor[fault.target]
    wait_for(lambda: process.send(signal.SIGSTOP), f"a running {process.name}", _READY_S)
    context.over.wait(fault.hold_s)
    process.send(signal.SIGCONT)
    return FaultResult(note=f"for {fault.hold_s:.1f} s")


def _terminate(fault: PlannedFault, context: FaultContext) -> FaultResult:
    """SIGTERM: the process must commit what it holds and end with 0 in time."""
    process = context.supervisor[fault.target]
    context.supervisor.wait_until_ready([process.name], _READY_S)
    code = process.stop(within_s=DRAIN_S)
    process.should_run = True
    if code == 0:
        return FaultResult(note="ended with 0")
    how = f"with {code}" if code is not None else f"not within {DRAIN_S:.0f} s"
    return FaultResult(broken=[f"{process.name} ended {how} after SIGTERM"])


def _start_same_slot(fault: PlannedFault, context: FaultContext) -> FaultResult:
    """A second process with the transactional id of the first: the broker fences one of the two."""
    older = context.supervisor[fault.target]
    context.supervisor.wait_until_ready([older.name], _READY_S)
    fenced_before = older.exits[_FENCED]
    newer = context.supervisor.add(context.new_scorer(f"twin-of-{older.name}", older.name))
    try:
        wait_for(
            lambda: bool(newer.exits[_FENCED]) or older.exits[_FENCED] > fenced_before,
            "a fenced process",
            _READY_S,
        )
    finally:
        context.supervisor.remove(newer, signal.SIGKILL)
    return FaultResult(note="one process was fenced")


def _storm(fault: PlannedFault, context: FaultContext) -> FaultResult:
    """Scorers that join together and leave one after another, by SIGKILL and SIGTERM in turn."""
    result = FaultResult(note=f"{fault.number} scorers joined and left")
    names = [f"storm-{number}" for number in range(fault.number)]
    scorers = [context.supervisor.add(context.new_scorer(name, name)) for name in names]
    _wait_for_any(scorers, context)
    for scorer, number in zip(scorers, cycle((signal.SIGKILL, signal.SIGTERM)), strict=False):
        if not context.supervisor.remove(scorer, number):
            result.broken.append(f"{scorer.name} did not end within {DRAIN_S:.0f} s")
    return result


def _wait_for_any(scorers: list[SupervisedProcess], context: FaultContext) -> None:
    """Until one of them is ready or has ended: without a broker none may ever get partitions."""
    wait_for(
        lambda: any(scorer.ready or scorer.exit_count for scorer in scorers) or context.over.is_set(),
        "an additional scorer to join",
        _READY_S,
    )


def _replace_metadata(fault: PlannedFault, context: FaultContext) -> FaultResult:
    """Commit the group's offsets again with other metadata, while no scorer runs."""
    bootstrap, group = context.services.broker.bootstrap, f"tfstream.score.{context.topic}"
    with context.supervisor.stopped(SCORERS) as killed:
        changed = [
            TopicPartition(context.topic, partition, committed.offset, _METADATA[partition % len(_METADATA)])
            for partition, committed in _committed(context, group).items()
            if committed.offset >= 0
        ]
        kafka_records.commit_for_group(bootstrap, group, changed)
        held = _committed(context, group)
        assert all((held[new.partition].metadata or "") == new.metadata for new in changed)
    hung = f"; {', '.join(killed)} had to be killed" if killed else ""
    return FaultResult(note=f"of {len(changed)} partitions{hung}")


def _committed(context: FaultContext, group: str) -> dict[int, TopicPartition]:
    return kafka_records.committed_offsets(context.services.broker.bootstrap, context.topic, group)


def _kill_broker(fault: PlannedFault, context: FaultContext) -> FaultResult:
    context.services.broker.kill()
    context.over.wait(fault.hold_s)
    context.services.broker.start()
    return FaultResult()


def _stop_postgres(fault: PlannedFault, context: FaultContext) -> FaultResult:
    context.services.postgres.pause()
    context.over.wait(fault.hold_s)
    context.services.postgres.start()
    return FaultResult()


_ACTIONS: tuple[tuple[str, Callable[[PlannedFault, FaultContext], FaultResult]], ...] = (
    ("input: ", _inject_input),
    ("kill", _kill),
    ("stop and resume", _stop_and_resume),
    ("terminate", _terminate),
    ("same slot twice", _start_same_slot),
    ("rebalance storm", _storm),
    ("metadata ", _replace_metadata),
    (f"{BROKER} ", _kill_broker),
    (f"{POSTGRES} ", _stop_postgres),
)
