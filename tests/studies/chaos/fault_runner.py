"""Applies planned faults to the running processes, up to three at the same time."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

from tests.studies.chaos.fault_actions import FaultContext, FaultResult, apply_fault
from tests.studies.chaos.fault_plan import PlannedFault
from tests.studies.chaos.waiting import ConditionTimeout

Log = Callable[[str], None]
AT_ONCE = 3  # faults that may overlap if they affect different processes and services


class FaultRunner:
    """Applies faults until the plan or the time ends; ``until`` is a monotonic time.

    ``pause_divisor`` shortens the plan's pauses. ``applied`` counts the faults by kind; ``broken`` holds the
    broken promises that were seen at once.
    """

    def __init__(
        self,
        faults: Iterable[PlannedFault],
        context: FaultContext,
        log: Log,
        *,
        pause_divisor: float,
        until: float,
    ) -> None:
        self.applied: Counter[str] = Counter()
        self.broken: list[str] = []
        self._faults = iter(faults)
        self._context = context
        self._log = log
        self._pause_divisor = pause_divisor
        self._until = until
        self._next_fault = threading.Lock()
        self._locks: dict[str, threading.Lock] = {}

    def run(self) -> float:
        """Apply the faults in the order of the plan; returns the seconds that they took."""
        began = time.monotonic()
        with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="fault") as pool:
            workers = [pool.submit(self._work) for _ in range(AT_ONCE)]
            for worker in workers:
                worker.result()
        return time.monotonic() - began

    def _work(self) -> None:
        while (following := self._take_next()) is not None:
            fault, locks = following
            with locks:
                began = time.monotonic()
                result = self._apply(fault)
            self._record(fault, result, time.monotonic() - began)

    def _take_next(self) -> tuple[PlannedFault, ExitStack] | None:
        """The next fault, with locks on all that it affects; the faults after it wait meanwhile."""
        with self._next_fault, ExitStack() as locks:
            fault = next(self._faults, None)
            if fault is None or time.monotonic() >= self._until:
                return None
            self._context.over.wait(fault.pause_s / self._pause_divisor)
            for name in sorted(fault.affects):
                locks.enter_context(self._locks.setdefault(name, threading.Lock()))
            return fault, locks.pop_all()

    def _apply(self, fault: PlannedFault) -> FaultResult:
        try:
            return apply_fault(fault, self._context)
        except ConditionTimeout as timeout:
            return FaultResult(broken=[f"{fault.kind} {fault.target}: {timeout}"])

    def _record(self, fault: PlannedFault, result: FaultResult, seconds: float) -> None:
        self.applied[fault.kind] += 1
        self.broken += result.broken
        number = self.applied.total()
        fields = [f"{number:3d}", f"{seconds:5.1f} s", fault.kind, fault.target, result.note, *result.broken]
        self._log("  ".join(field for field in fields if field))
