"""A process under test that is started again whenever it ends."""

from __future__ import annotations

import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from tests.integration.support import forked_command
from tests.integration.support.forked_command import ForkedCommand

_CRASHING_PROCESS = "tests.studies.chaos.crashing_process"
_ASSIGNED = b"assigned partitions"
_RESTART_AFTER_S = 0.5


class SupervisedProcess:
    """One tfstream command; :meth:`supervise` starts it again while ``should_run`` is true."""

    def __init__(
        self, name: str, arguments: Sequence[str], environment: Mapping[str, str], folder: Path
    ) -> None:
        self.name = name
        self.should_run = True
        self.exits: Counter[int] = Counter()
        self.log_file = folder / f"{name}.log"
        self._crash_order = folder / f"{name}.crash"
        self._arguments = [str(self._crash_order), *arguments]
        self._environment = dict(environment)
        self._process: ForkedCommand | None = None
        self._log_start = 0
        self._start_at = 0.0
        self._lock = threading.RLock()

    def start(self) -> None:
        """Start the command; its output is appended to the log file."""
        with self._lock, self.log_file.open("ab") as log:
            self._log_start = log.tell()
            self._process = forked_command.start(
                _CRASHING_PROCESS, self._arguments, self._environment, log, own_session=True
            )

    def supervise(self) -> None:
        """Record an exit; start the process again after the restart pause if it should run."""
        with self._lock:
            if self._process is not None and self._process.poll() is not None:
                self._record_exit(self._process.wait())
            if self._process is None and self.should_run and time.monotonic() >= self._start_at:
                self.start()

    def send(self, number: signal.Signals) -> bool:
        """Send a signal; False when no process runs."""
        with self._lock:
            if self._process is None or self._process.poll() is not None:
                return False
            self._process.send_signal(number)
            return True

    def order_crash(self, step: str, number: int) -> None:
        """Let the process kill itself at this step of its n-th commit from now on."""
        draft = self._crash_order.with_suffix(".draft")
        draft.write_text(f"{step} {number}", encoding="utf-8")
        draft.replace(self._crash_order)

    @property
    def exit_count(self) -> int:
        """How often the process has ended so far."""
        return sum(self.exits.values())

    @property
    def running(self) -> bool:
        with self._lock:
            return self._process is not None and self._process.poll() is None

    @property
    def ready(self) -> bool:
        """Whether the process runs and has received partitions since its start."""
        with self._lock:
            return self.running and _ASSIGNED in self._log_text()

    def _log_text(self) -> bytes:
        """What the newest process has written to its log."""
        if not self.log_file.exists():
            return b""
        with self.log_file.open("rb") as log:
            log.seek(self._log_start)
            return log.read()

    def stop(self, number: signal.Signals = signal.SIGTERM, within_s: float = 30.0) -> int | None:
        """Stop the process and do not start it again.

        Returns its exit code, or None when it did not run or had to be killed.
        """
        with self._lock:
            self.should_run = False
            process = self._process
        if process is None:
            return None
        self.send(number)
        try:
            code: int | None = process.wait(within_s)
        except subprocess.TimeoutExpired:
            _kill_hanging(process)
            code = None
        self.supervise()
        return code

    def _record_exit(self, code: int) -> None:
        self.exits[code] += 1
        self._process = None
        self._start_at = time.monotonic() + _RESTART_AFTER_S


def _kill_hanging(process: ForkedCommand) -> None:
    process.send_signal(signal.SIGUSR1)  # faulthandler writes to the log where the process hangs
    with suppress(subprocess.TimeoutExpired):
        process.wait(1.0)
    process.kill()
    process.wait()
