"""Work in a thread beside the main thread, which ends it and raises its error."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Stop = Callable[[], bool]


class Background:
    """Runs ``work(stop)`` in a thread; ``stop`` returns True after :meth:`end` was called."""

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
        """Ask the work to end, and wait until it has ended."""
        self._ending.set()
        if self.started:
            self._thread.join()

    def _run(self) -> None:
        try:
            self._work(self._ending.is_set)
        except BaseException as error:  # the main thread ends because of it, and raises it
            self.error = error


@contextmanager
def run_beside(work: Background) -> Iterator[Background]:
    """Run background work during the block; raises its error when the block itself raised none."""
    work.start()
    try:
        yield work
    finally:
        work.end()
    if work.error is not None:
        raise work.error
