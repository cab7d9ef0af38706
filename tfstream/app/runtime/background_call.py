"""A question that may take for ever: asked in a thread, so that who asks goes on with its work."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, TypeVar

Answer = TypeVar("Answer")


class BackgroundCall(Generic[Answer]):
    """``ask()`` in a thread of its own, begun at once; nobody waits for it when the process ends."""

    def __init__(self, name: str, ask: Callable[[], Answer]) -> None:
        self._ask = ask
        self._asked_at = time.monotonic()
        self._future: Future[Answer] = Future()
        threading.Thread(target=self._run, name=name, daemon=True).start()

    @property
    def done(self) -> bool:
        return self._future.done()

    @property
    def elapsed_s(self) -> float:
        """How long ago it was asked, in seconds."""
        return time.monotonic() - self._asked_at

    def result(self, within_s: float = 0.0) -> Answer:
        """The answer; what asking raised is raised here.

        :raises TimeoutError: when there is none yet after ``within_s`` seconds.
        """
        return self._future.result(within_s)

    def _run(self) -> None:
        try:
            self._future.set_result(self._ask())
        except BaseException as error:  # raised where the answer is taken
            self._future.set_exception(error)
