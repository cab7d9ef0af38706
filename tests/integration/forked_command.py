"""Commands as processes of their own, without the two seconds that each takes to import torch.

Python's fork server has the libraries imported, and all of tfstream but its command line, which reads the
environment when it is imported. Every command is a fork of it, with an environment, an output and an exit
code of its own.
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
_ONE_AT_A_TIME = threading.Lock()  # multiprocessing asks for the ends of all its children at every start
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
    """As ``subprocess.run`` of a module's ``main`` with its output captured.

    :raises subprocess.TimeoutExpired: when it does not end; it is killed then.
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
    """A command that goes on running; its output, errors included, goes to a file or else to ``stdout``."""
    if output is not None:
        return ForkedCommand(module, arguments, environment, output, output, own_session=own_session)
    reader, writer = os.pipe()
    with os.fdopen(writer, "w") as given:
        started = ForkedCommand(module, arguments, environment, given, given, own_session=own_session)
    started.stdout = os.fdopen(reader, encoding="utf-8")
    return started


class ForkedCommand:
    """A started command, with what the tests use of :class:`subprocess.Popen`; threads may share it."""

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
        self._said = ""
        self._reading: threading.Thread | None = None
        _SERVER.set_forkserver_preload(_PRELOADED)
        # a Connection is what multiprocessing hands over to a child; the file's own descriptor stays with us
        files = [Connection(os.dup(file.fileno()), readable=False) for file in (stdout, stderr)]
        self._process = _SERVER.Process(
            target=_command, args=(module, [*arguments], dict(environment), *files, own_session), daemon=True
        )
        with _ONE_AT_A_TIME:
            self._process.start()
        for file in files:
            file.close()

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    def poll(self) -> int | None:
        """The exit code, or None while it runs."""
        with _ONE_AT_A_TIME:
            if self.returncode is None:
                self.returncode = self._process.exitcode
            return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """:raises subprocess.TimeoutExpired: when it does not end in time."""
        if self.returncode is None:
            connection.wait([self._process.sentinel], timeout)
        code = self.poll()
        if code is None:
            raise subprocess.TimeoutExpired(self.args, timeout or 0.0)
        return code

    def communicate(self, timeout: float | None = None) -> tuple[str, None]:
        """The rest of its output, once it and all that write to it have ended.

        :raises subprocess.TimeoutExpired: when they do not end in time.
        """
        if self.stdout is not None:
            if self._reading is None:
                self._reading = threading.Thread(target=self._read, args=(self.stdout.read,), daemon=True)
                self._reading.start()
            self._reading.join(timeout)
            if self._reading.is_alive():
                raise subprocess.TimeoutExpired(self.args, timeout or 0.0)
            self.stdout.close()
        self.wait(timeout)
        return self._said, None

    def _read(self, rest: Callable[[], str]) -> None:
        self._said = rest()

    def send_signal(self, number: int) -> None:
        """Nothing happens to a process that has ended."""
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
    """In the fork: what the interpreter does before ``__main__``."""
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
