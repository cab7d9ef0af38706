"""The supervisor that restarts the processes under test, as an init system would."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.studies.background_thread import BackgroundThread
from tests.studies.chaos.supervised_process import SupervisedProcess
from tests.studies.chaos.waiting import wait_for

_CHECK_EVERY_S = 0.1


class Supervisor(BackgroundThread):
    """Restarts its processes as long as the block lasts, and kills all of them at its end."""

    def __init__(self) -> None:
        super().__init__("supervisor")
        self.processes: dict[str, SupervisedProcess] = {}
        self._removed: list[SupervisedProcess] = []

    def __getitem__(self, name: str) -> SupervisedProcess:
        return self.processes[name]

    def add(self, process: SupervisedProcess) -> SupervisedProcess:
        """Start a process and keep it running."""
        process.start()
        self.processes[process.name] = process
        return process

    def remove(self, process: SupervisedProcess, number: signal.Signals = signal.SIGTERM) -> bool:
        """Stop a process that was added for a while; False when it had to be killed."""
        was_running = process.running
        code = process.stop(number)
        self._removed.append(self.processes.pop(process.name))
        return code is not None or not was_running

    @contextmanager
    def stopped(self, names: Sequence[str]) -> Iterator[list[str]]:
        """Stop the named processes as long as the block lasts; yields those that had to be killed."""
        running = [name for name in names if self.processes[name].running]
        codes = {name: self.processes[name].stop() for name in names}
        try:
            yield [name for name in running if codes[name] is None]
        finally:
            for name in names:
                self.processes[name].should_run = True

    def wait_until_ready(self, names: Sequence[str], timeout_s: float = 120.0) -> None:
        """Wait until the named processes have partitions.

        :raises ConditionTimeout: when they do not get any in time.
        """
        wait_for(
            lambda: all(self.processes[name].ready for name in names),
            f"partitions of {', '.join(names)}",
            timeout_s,
        )

    @property
    def exits(self) -> dict[str, Counter[int]]:
        """Exit codes by role: the part of a process's name before its number."""
        by_role: dict[str, Counter[int]] = {}
        for process in self._all():
            by_role.setdefault(process.name.partition("-")[0], Counter()).update(process.exits)
        return by_role

    def log_files(self) -> list[Path]:
        return sorted({process.log_file for process in self._all()})

    def _all(self) -> list[SupervisedProcess]:
        return [*self.processes.values(), *self._removed]

    def _run(self) -> None:
        while not self._over.wait(_CHECK_EVERY_S):
            for process in list(self.processes.values()):
                process.supervise()

    def _close(self) -> None:
        for process in self.processes.values():
            process.stop(signal.SIGKILL)
