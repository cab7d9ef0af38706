"""Work in a thread beside the main one, ended and accounted for together with it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Stop = Callable[[], bool]


class Background:
    """``work(stop)`` in a thread; ``stop`` turns true when this is told to end."""

    def __init__(self, name: str, work: Callable[[Stop], object]) -> None:
        self.error: BaseException | None = None
        self._work = work
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    @property
    def failed(self) -> bool:
        return self.error is not None

    @property
    def started(self) -> bool:
        return self._thread.ident is not None

    def start(self) -> None:
        self._thread.start()

    def end(self) -> None:
        """Tell it to end, and wait until it has."""
        self._ending.set()
        if self.started:
            self._thread.join()

    def _run(self) -> None:
        try:
            self._work(self._ending.is_set)
        except BaseException as error:  # told by the main thread, which ends because of it
            self.error = error


@contextmanager
def run_beside(work: Background) -> Iterator[Background]:
    """Background work for as long as the block runs; its error is raised when the block has ended well."""
    work.start()
    try:
        yield work
    finally:
        work.end()
    if work.error is not None:
        raise work.error
