"""tfstream's command line in a process that kills itself at a step of a commit, or ignores the rewind offset.

``python -m tests.studies.chaos.crashing_process FILE COMMAND…``: when FILE appears, it holds a step of
:data:`tests.studies.chaos.fault_plan.COMMIT_STEPS` and a number n; the process sends itself SIGKILL at this
step of its n-th commit from then on. The transactional producer is wrapped; tfstream's own code is unchanged.
``TFSTREAM_CHAOS_WITHOUT_REWIND`` makes a scorer that resumes at the committed offset and does not read its
open windows again: the variant that the comparison must detect.
"""

from __future__ import annotations

import faulthandler
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from confluent_kafka import Producer

from tfstream.cli.main import main as tfstream
from tfstream.core.windowing.asset_track import TrackState
from tfstream.core.windowing.partition_tracks import PartitionTracks
from tfstream.streaming.connection.client import new_transactional_producer
from tfstream.streaming.producer import transaction

WITHOUT_REWIND = "TFSTREAM_CHAOS_WITHOUT_REWIND"
_FLUSH_S = 5.0
_INTO_COMMIT_S = 0.004


class CrashOrder:
    """The step at which to crash, and the commits until then; all producers of the process share it."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._step = ""
        self._commits_left = 0

    def begin_commit(self) -> None:
        """Count a commit; read a new order if the file has appeared."""
        if self._file.exists():
            self._step, _, number = self._file.read_text(encoding="utf-8").rpartition(" ")
            self._commits_left = int(number)
            self._file.unlink()
        self._commits_left -= 1

    def crash_at(
        self, step: str, *, before: Callable[[], object] = lambda: None, after_s: float = 0.0
    ) -> None:
        """If the order names this step: call ``before`` and crash, at once or ``after_s`` later."""
        if self._step != step or self._commits_left > 0:
            return
        before()
        if after_s:
            threading.Timer(after_s, _crash).start()
        else:
            _crash()


class CrashingProducer:
    """A transactional producer that kills its process where the crash order says so."""

    def __init__(self, producer: Producer, order: CrashOrder) -> None:
        self._producer = producer
        self._order = order

    def __getattr__(self, name: str) -> Any:
        return getattr(self._producer, name)

    def __len__(self) -> int:
        return len(self._producer)

    def begin_transaction(self, *arguments: Any) -> None:
        self._order.begin_commit()
        self._order.crash_at("before begin")
        self._producer.begin_transaction(*arguments)

    def produce(self, *arguments: Any, **more: Any) -> None:
        self._producer.produce(*arguments, **more)
        self._order.crash_at("among outputs", before=self._flush)

    def send_offsets_to_transaction(self, *arguments: Any) -> None:
        self._order.crash_at("after outputs", before=self._flush)
        self._producer.send_offsets_to_transaction(*arguments)

    def commit_transaction(self, *arguments: Any) -> None:
        self._order.crash_at("after offsets")
        self._order.crash_at("during commit", after_s=_INTO_COMMIT_S)
        self._producer.commit_transaction(*arguments)
        self._order.crash_at("after commit")

    def _flush(self) -> None:
        """Bring the produced records to the broker, so that the crash leaves them there."""
        self._producer.flush(_FLUSH_S)


def _crash() -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("the process survived SIGKILL")


def _wrap_producers(order: CrashOrder) -> None:
    def new_producer(*arguments: Any, **more: Any) -> Any:
        return CrashingProducer(new_transactional_producer(*arguments, **more), order)

    setattr(transaction, new_transactional_producer.__name__, new_producer)


def _ignore_rewind_offset() -> None:
    resume = PartitionTracks.resume

    def without_rewind(
        self: PartitionTracks, states: dict[str, TrackState], clock_us: int, committed_offset: int
    ) -> int:
        resume(self, states, clock_us, committed_offset)
        return committed_offset

    PartitionTracks.resume = without_rewind  # type: ignore[method-assign]


def main() -> None:
    """Run tfstream's command line with the faults that the first argument and the environment ask for."""
    faulthandler.register(signal.SIGUSR1)  # writes to the log where a process hangs
    _wrap_producers(CrashOrder(Path(sys.argv[1])))
    if os.environ.get(WITHOUT_REWIND):
        _ignore_rewind_offset()
    sys.argv[1:2] = []
    tfstream()


if __name__ == "__main__":
    main()
