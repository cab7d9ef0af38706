"""Commands as processes of their own, without the two seconds that each takes to import torch.

Python's fork server has the libraries imported and nothing of tfstream; every command is a fork of it, with
an environment, an output and an exit code of its own.
"""

from __future__ import annotations

import importlib
import multiprocessing
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

_SERVER = multiprocessing.get_context("forkserver")
_LIBRARIES = [
    "torch",
    "pandas",
    "scipy.stats",
    "sqlalchemy",
    "psycopg",
    "alembic.config",
    "confluent_kafka",
    "typer",
]


def run(
    module: str, arguments: Sequence[str], environment: Mapping[str, str], timeout_s: float
) -> subprocess.CompletedProcess[str]:
    """As ``subprocess.run`` of a module's ``main`` with its output captured.

    :raises subprocess.TimeoutExpired: when it does not end; it is killed then.
    """
    _SERVER.set_forkserver_preload(_LIBRARIES)
    with tempfile.TemporaryDirectory() as folder:
        out, err = Path(folder, "out"), Path(folder, "err")
        process = _SERVER.Process(target=_command, args=(module, arguments, dict(environment), out, err))
        process.start()
        process.join(timeout_s)
        if process.exitcode is None:
            process.kill()
            process.join()
            raise subprocess.TimeoutExpired(arguments, timeout_s, out.read_text(), err.read_text())
        code = process.exitcode
        process.close()
        return subprocess.CompletedProcess([*arguments], code, out.read_text(), err.read_text())


def _command(
    module: str, arguments: Sequence[str], environment: Mapping[str, str], out: Path, err: Path
) -> None:
    """In the fork: what the interpreter does before ``__main__``."""
    os.environ.clear()
    os.environ.update(environment)
    for path, number in ((out, 1), (err, 2)):
        target = os.open(path, os.O_WRONLY | os.O_CREAT)
        os.dup2(target, number)
        os.close(target)
    sys.stdout, sys.stderr = (os.fdopen(number, "w", 1, closefd=False) for number in (1, 2))
    sys.argv = ["tfstream", *arguments]
    importlib.import_module(module).main()
