"""A call that may never return, in a thread: the caller continues with its own work."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, TypeVar

Result = TypeVar("Result")


class BackgroundCall(Generic[Result]):
    """``call()`` in a thread of its own, begun at once; the end of the process does not wait for it."""

    def __init__(self, name: str, call: Callable[[], Result]) -> None:
        self._call = call
        self._began_at = time.monotonic()
        self._future: Future[Result] = Future()
        threading.Thread(target=self._run, name=name, daemon=True).start()

    @property
    def done(self) -> bool:
        return self._future.done()

    @property
    def elapsed_s(self) -> float:
        """Seconds since the call began."""
        return time.monotonic() - self._began_at

    def result(self, timeout_s: float = 0.0) -> Result:
        """The call's result; raises what the call raised.

        :raises TimeoutError: when the call has not returned within ``timeout_s`` seconds.
        """
        return self._future.result(timeout_s)

    def _run(self) -> None:
        try:
            self._future.set_result(self._call())
        except BaseException as error:  # raised where the result is read
            self._future.set_exception(error)
