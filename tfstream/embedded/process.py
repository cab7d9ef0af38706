"""Servers as child processes: a free port, a start that waits for an answer, an end by process id."""

from __future__ import annotations

import atexit
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from tfstream.errors import ServiceUnavailable

_TICK_S = 0.1


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nothing listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def listens(port: int) -> bool:
    """Whether something accepts connections on a port of 127.0.0.1."""
    with socket.socket() as probe:
        probe.settimeout(1.0)
        return probe.connect_ex(("127.0.0.1", port)) == 0


class ServerProcess:
    """A server as a child process; it is ended by its id, at the latest when this program exits."""

    def __init__(
        self, name: str, command: Sequence[str | Path], *, log: Path, user: int | None = None
    ) -> None:
        self.name = name
        self.log = log
        self._command = [str(part) for part in command]
        self._user = user
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self, ready: Callable[[], bool], *, timeout_s: float) -> None:
        """Start the server and wait until ``ready`` returns True.

        :raises ServiceUnavailable: when the server ends, or the time is over, first; shows the log's end.
        """
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # a terminal's Ctrl-C must not reach the server
                user=self._user,
                group=self._user,
                extra_groups=[] if self._user is not None else None,
            )
        atexit.register(self.stop)
        deadline = time.monotonic() + timeout_s
        while not ready():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise ServiceUnavailable(
                    f"the embedded {self.name} did not start; its log ends: {self._tail()}"
                )
            time.sleep(_TICK_S)

    def stop(self, number: int = signal.SIGTERM, timeout_s: float = 20.0) -> None:
        """Send a signal, wait until the deadline, then send SIGKILL."""
        atexit.unregister(self.stop)
        process, self._process = self._process, None
        if process is None or process.poll() is not None:
            return
        process.send_signal(number)
        try:
            process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def kill(self) -> None:
        """End the server with SIGKILL, as a crash would."""
        self.stop(signal.SIGKILL)

    def _tail(self) -> str:
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-5:]
        return " | ".join(line.strip() for line in lines) or "(empty)"
