"""The processes under test, and the supervisor that starts them again, as an init system would."""

from __future__ import annotations

import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType

from tests.chaos.waiting import wait_for
from tests.integration import forked
from tests.integration.forked import Forked

ASSIGNED = b"assigned partitions"
_RESTART_AFTER_S = 0.5
_WATCH_EVERY_S = 0.1


class Actor:
    """One command line, run again whenever it ends while it is ``wanted``."""

    def __init__(
        self, name: str, arguments: Sequence[str], environment: Mapping[str, str], folder: Path
    ) -> None:
        self.name = name
        self.wanted = True
        self.exits: Counter[int] = Counter()
        self.log = folder / f"{name}.log"
        self._orders = folder / f"{name}.orders"
        self._arguments = [str(self._orders), *arguments]
        self._environment = dict(environment)
        self._process: Forked | None = None
        self._log_began = 0
        self._start_at = 0.0
        self._lock = threading.RLock()

    def start(self) -> None:
        with self._lock, self.log.open("ab") as log:
            self._log_began = log.tell()
            self._process = forked.start(
                "tests.chaos.entry", self._arguments, self._environment, log, own_session=True
            )

    def look(self) -> None:
        """Note an end; start again what is wanted once the supervisor's pause is over."""
        with self._lock:
            if self._process is not None and self._process.poll() is not None:
                self._note_end(self._process.wait())
            if self._process is None and self.wanted and time.monotonic() >= self._start_at:
                self.start()

    def send(self, number: signal.Signals) -> bool:
        """Whether there was a process to be sent it."""
        with self._lock:
            if self._process is None or self._process.poll() is not None:
                return False
            self._process.send_signal(number)
            return True

    def order(self, step: str, number: int) -> None:
        """Die at this step of the n-th commit from now on."""
        draft = self._orders.with_suffix(".draft")
        draft.write_text(f"{step} {number}", encoding="utf-8")
        draft.replace(self._orders)

    @property
    def ended(self) -> int:
        """How often it has ended so far."""
        return sum(self.exits.values())

    @property
    def running(self) -> bool:
        with self._lock:
            return self._process is not None and self._process.poll() is None

    @property
    def ready(self) -> bool:
        """Whether the process that runs now has been given partitions since it began."""
        with self._lock:
            return self.running and ASSIGNED in self.said

    @property
    def said(self) -> bytes:
        """What the newest process has written to its log."""
        if not self.log.exists():
            return b""
        with self.log.open("rb") as log:
            log.seek(self._log_began)
            return log.read()

    def end(self, number: signal.Signals = signal.SIGTERM, within_s: float = 30.0) -> int | None:
        """End it for good; its exit code, None when it had to be killed or was not running."""
        with self._lock:
            self.wanted = False
            process = self._process
        if process is None:
            return None
        self.send(number)
        try:
            code: int | None = process.wait(within_s)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGUSR1)  # where it hangs, for its log
            with suppress(subprocess.TimeoutExpired):
                process.wait(1.0)
            process.kill()
            process.wait()
            code = None
        self.look()
        return code

    def _note_end(self, code: int) -> None:
        self.exits[code] += 1
        self._process = None
        self._start_at = time.monotonic() + _RESTART_AFTER_S


class Cast:
    """All actors, watched by a thread for as long as the block lasts; none outlives it."""

    def __init__(self) -> None:
        self.actors: dict[str, Actor] = {}
        self._gone: list[Actor] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="supervisor", daemon=True)

    def __enter__(self) -> Cast:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()
        for actor in self.actors.values():
            actor.end(signal.SIGKILL)

    def __getitem__(self, name: str) -> Actor:
        return self.actors[name]

    def add(self, actor: Actor) -> Actor:
        actor.start()
        self.actors[actor.name] = actor
        return actor

    def dismiss(self, actor: Actor, number: signal.Signals = signal.SIGTERM) -> bool:
        """An actor that was there for a while only; False when it did not go by itself."""
        was_running = actor.running
        code = actor.end(number)
        self._gone.append(self.actors.pop(actor.name))
        return code is not None or not was_running

    @contextmanager
    def down(self, names: Sequence[str]) -> Iterator[list[str]]:
        """The named actors are ended for as long as the block lasts; those that had to be killed."""
        running = [name for name in names if self.actors[name].running]
        codes = {name: self.actors[name].end() for name in names}
        try:
            yield [name for name in running if codes[name] is None]
        finally:
            for name in names:
                self.actors[name].wanted = True

    def await_ready(self, names: Sequence[str], timeout_s: float = 120.0) -> None:
        wait_for(
            lambda: all(self.actors[name].ready for name in names), f"{', '.join(names)} to work", timeout_s
        )

    @property
    def exits(self) -> dict[str, Counter[int]]:
        """Exit codes by role: a name up to its number."""
        found: dict[str, Counter[int]] = {}
        for actor in [*self.actors.values(), *self._gone]:
            found.setdefault(actor.name.partition("-")[0], Counter()).update(actor.exits)
        return found

    def logs(self) -> list[Path]:
        return sorted({actor.log for actor in [*self.actors.values(), *self._gone]})

    def _watch(self) -> None:
        while not self._over.wait(_WATCH_EVERY_S):
            for actor in list(self.actors.values()):
                actor.look()
