"""tfstream's own command line, under orders to die at a step of a commit, or without the rewind offset.

``python -m tests.chaos.entry ORDERS COMMAND…``: when the file ORDERS appears, it holds a step of
:data:`tests.chaos.plan.COMMIT_STEPS` and a number n: the n-th commit from then on ends there, by SIGKILL.
The transactional producer is wrapped; no code of tfstream knows of it.
``TFSTREAM_CHAOS_CARELESS`` makes a scorer that reads on from the committed offset without reading again what
its windows hold: the variant that the check must find out.
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
from tfstream.core.partition import PartitionTracks
from tfstream.core.track import TrackState
from tfstream.streaming import transaction
from tfstream.streaming.client import new_transactional_producer

CARELESS = "TFSTREAM_CHAOS_CARELESS"
_FLUSH_S = 5.0
_INTO_COMMIT_S = 0.004


class Orders:
    """Where to die, and after how many commits more; all producers of the process obey the same."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._step = ""
        self._left = 0

    def begin(self) -> None:
        """Another commit."""
        if self._file.exists():
            self._step, _, number = self._file.read_text(encoding="utf-8").rpartition(" ")
            self._left = int(number)
            self._file.unlink()
        self._left -= 1

    def die_at(self, step: str, *, before: Callable[[], object] = lambda: None, after_s: float = 0.0) -> None:
        """If this is the step: do what comes before, and die, at once or in a moment."""
        if self._step != step or self._left > 0:
            return
        before()
        if after_s:
            threading.Timer(after_s, _die).start()
        else:
            _die()


class DoomedProducer:
    """A transactional producer that kills its process where the orders say; otherwise it is the real one."""

    def __init__(self, producer: Producer, orders: Orders) -> None:
        self._producer = producer
        self._orders = orders

    def __getattr__(self, name: str) -> Any:
        return getattr(self._producer, name)

    def __len__(self) -> int:
        return len(self._producer)

    def begin_transaction(self, *arguments: Any) -> None:
        self._orders.begin()
        self._orders.die_at("before begin")
        self._producer.begin_transaction(*arguments)

    def produce(self, *arguments: Any, **more: Any) -> None:
        self._producer.produce(*arguments, **more)
        self._orders.die_at("among outputs", before=self._flush)

    def send_offsets_to_transaction(self, *arguments: Any) -> None:
        self._orders.die_at("after outputs", before=self._flush)
        self._producer.send_offsets_to_transaction(*arguments)

    def commit_transaction(self, *arguments: Any) -> None:
        self._orders.die_at("after offsets")
        self._orders.die_at("during commit", after_s=_INTO_COMMIT_S)
        self._producer.commit_transaction(*arguments)
        self._orders.die_at("after commit")

    def _flush(self) -> None:
        """What was produced is on the broker, not only in this process."""
        self._producer.flush(_FLUSH_S)


def _die() -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("a process outlives no SIGKILL")


def _obey(orders: Orders) -> None:
    def doomed(*arguments: Any, **more: Any) -> Any:
        return DoomedProducer(new_transactional_producer(*arguments, **more), orders)

    setattr(transaction, new_transactional_producer.__name__, doomed)


def _be_careless() -> None:
    resume = PartitionTracks.resume

    def without_rewind(
        self: PartitionTracks, states: dict[str, TrackState], clock_us: int, committed_offset: int
    ) -> int:
        resume(self, states, clock_us, committed_offset)
        return committed_offset

    PartitionTracks.resume = without_rewind  # type: ignore[method-assign]


def main() -> None:
    faulthandler.register(signal.SIGUSR1)  # says in the log where a process hangs
    _obey(Orders(Path(sys.argv[1])))
    if os.environ.get(CARELESS):
        _be_careless()
    sys.argv[1:2] = []
    tfstream()


if __name__ == "__main__":
    main()
