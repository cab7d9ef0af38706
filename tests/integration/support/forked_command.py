"""Commands in child processes, without the two seconds that each takes to import torch.

Python's fork server has imported the libraries and all of tfstream except its command line, which reads the
environment at import. Each command is a fork of that server, with its own environment, output and exit code.
"""

from __future__ import annotations

import importlib
import multiprocessing
import os
import pkgutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from multiprocessing import connection
from multiprocessing.connection import Connection
from pathlib import Path
from typing import IO, Any

import tfstream

_SERVER = multiprocessing.get_context("forkserver")
_START_LOCK = threading.Lock()  # every start of multiprocessing collects the exit codes of all children
_LIBRARIES = [
    "torch",
    "pandas",
    "pyarrow.parquet",
    "scipy.stats",
    "sqlalchemy.dialects.postgresql.psycopg",
    "psycopg",
    "alembic.config",
    "confluent_kafka.admin",
    "msgspec",
    "rich.console",
    "safetensors.torch",
    "typer",
]
_PRELOADED = [
    *_LIBRARIES,
    *(
        module.name
        for module in pkgutil.walk_packages(tfstream.__path__, "tfstream.")
        if not module.name.startswith(("tfstream.cli", "tfstream.__main__", "tfstream.migrations"))
    ),
]


def run(
    module: str, arguments: Sequence[str], environment: Mapping[str, str], timeout_s: float
) -> subprocess.CompletedProcess[str]:
    """Run a module's ``main`` to its end and capture its output, as ``subprocess.run`` does.

    :raises subprocess.TimeoutExpired: if it does not end in time; it is killed then.
    """
    with tempfile.TemporaryDirectory() as folder:
        out, err = Path(folder, "out"), Path(folder, "err")
        with out.open("w") as stdout, err.open("w") as stderr:
            started = ForkedCommand(module, arguments, environment, stdout, stderr)
        try:
            code = started.wait(timeout_s)
        except subprocess.TimeoutExpired:
            started.kill()
            started.wait()
            raise subprocess.TimeoutExpired(arguments, timeout_s, out.read_text(), err.read_text()) from None
        return subprocess.CompletedProcess([*arguments], code, out.read_text(), err.read_text())


def start(
    module: str,
    arguments: Sequence[str],
    environment: Mapping[str, str],
    output: IO[Any] | None = None,
    *,
    own_session: bool = False,
) -> ForkedCommand:
    """Start a command; its stdout and stderr go to the file ``output``, or else to its ``stdout``."""
    if output is not None:
        return ForkedCommand(module, arguments, environment, output, output, own_session=own_session)
    reader, writer = os.pipe()
    with os.fdopen(writer, "w") as pipe:
        started = ForkedCommand(module, arguments, environment, pipe, pipe, own_session=own_session)
    started.stdout = os.fdopen(reader, encoding="utf-8")
    return started


class ForkedCommand:
    """A started command, with the part of :class:`subprocess.Popen` that tests use; threads may share it."""

    def __init__(
        self,
        module: str,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        stdout: IO[Any],
        stderr: IO[Any],
        *,
        own_session: bool = False,
    ) -> None:
        self.args = [module, *arguments]
        self.stdout: IO[str] | None = None
        self.returncode: int | None = None
        self._output = ""
        self._reader: threading.Thread | None = None
        _SERVER.set_forkserver_preload(_PRELOADED)
        # multiprocessing passes a Connection to a child, so its descriptor is a copy
        files = [Connection(os.dup(file.fileno()), readable=False) for file in (stdout, stderr)]
        self._process = _SERVER.Process(
            target=_command, args=(module, [*arguments], dict(environment), *files, own_session), daemon=True
        )
        with _START_LOCK:
            self._process.start()
        for file in files:
            file.close()

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    def poll(self) -> int | None:
        """The exit code, or None while the command runs."""
        with _START_LOCK:
            if self.returncode is None:
                self.returncode = self._process.exitcode
            return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end; returns the exit code.

        :raises subprocess.TimeoutExpired: if it does not end in time.
        """
        if self.returncode is None:
            connection.wait([self._process.sentinel], timeout)
        code = self.poll()
        if code is None:
            raise subprocess.TimeoutExpired(self.args, timeout or 0.0)
        return code

    def communicate(self, timeout: float | None = None) -> tuple[str, None]:
        """The rest of the output, after the command and all processes that write to it have ended.

        :raises subprocess.TimeoutExpired: if they do not end in time.
        """
        if self.stdout is not None:
            if self._reader is None:
                self._reader = threading.Thread(target=self._read, args=(self.stdout.read,), daemon=True)
                self._reader.start()
            self._reader.join(timeout)
            if self._reader.is_alive():
                raise subprocess.TimeoutExpired(self.args, timeout or 0.0)
            self.stdout.close()
        self.wait(timeout)
        return self._output, None

    def _read(self, rest: Callable[[], str]) -> None:
        self._output = rest()

    def send_signal(self, number: int) -> None:
        """Send a signal unless the process has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def _command(
    module: str,
    arguments: list[str],
    environment: dict[str, str],
    out: Connection,
    err: Connection,
    own_session: bool,
) -> None:
    """Run ``main`` of a module in the fork, with the given environment and output files."""
    os.environ.clear()
    os.environ.update(environment)
    if own_session:
        os.setsid()
    for file, number in ((out, 1), (err, 2)):
        os.dup2(file.fileno(), number)
        file.close()
    sys.stdout, sys.stderr = (os.fdopen(number, "w", 1, closefd=False) for number in (1, 2))
    sys.argv = ["tfstream", *arguments]
    importlib.import_module(module).main()
