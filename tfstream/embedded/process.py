"""Servers as child processes: a free port, a start that waits for an answer, an end by process id."""

from __future__ import annotations

import atexit
import random
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from tfstream.errors import ServiceUnavailable

_TICK_S = 0.1
_OUTGOING_PORTS = Path("/proc/sys/net/ipv4/ip_local_port_range")
_USUAL_FIRST_OUTGOING_PORT = 32_768
_FIRST_PORT = 10_240
_random = random.SystemRandom()  # seeded numbers would be the same in two test processes


def free_port(consecutive: int = 1) -> int:
    """The first of ``consecutive`` TCP ports of 127.0.0.1 that nothing uses at this moment.

    The kernel gives ports of a range of its own to outgoing connections. A port below that range stays free
    until the server listens on it.
    """
    end = _first_outgoing_port() - consecutive
    while True:
        port = _random.randrange(_FIRST_PORT, end)
        if all(_is_free(port + offset) for offset in range(consecutive)):
            return port


def _first_outgoing_port() -> int:
    """The usual number where the kernel does not say, or leaves hardly any port below."""
    try:
        first = int(_OUTGOING_PORTS.read_text().split()[0])
    except (OSError, ValueError):
        return _USUAL_FIRST_OUTGOING_PORT
    return first if first > 2 * _FIRST_PORT else _USUAL_FIRST_OUTGOING_PORT


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


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
