"""What the embedded services have in common: each runs while its ``with`` block does."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from types import TracebackType
from typing import Self

from tfstream.embedded.process import ServerProcess


class EmbeddedService(ABC):
    """A service that starts and stops with a ``with`` block."""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @abstractmethod
    def start(self) -> str:
        """Start the service; returns its address.

        :raises ServiceUnavailable: when it does not answer in time.
        """

    @abstractmethod
    def stop(self) -> None:
        """End the service, if it runs."""


class EmbeddedServer(EmbeddedService):
    """A service that is one child process, with its files in ``directory``."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._server: ServerProcess | None = None

    @property
    def pid(self) -> int:
        """The id of the running server's first process."""
        assert self._server is not None
        return self._server.pid
