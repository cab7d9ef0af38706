"""A thread that works as long as a ``with`` block lasts."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Self


class BackgroundThread:
    """Calls ``_run`` in a thread at the beginning of the block; ``_run`` returns when ``_over`` is set."""

    def __init__(self, name: str) -> None:
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()
        self._close()

    def _run(self) -> None:
        raise NotImplementedError

    def _close(self) -> None:
        """Release what the thread used; called after it has ended."""
