"""tfstream's own command line, under orders to die at a step of a commit, or without the rewind offset.

``python -m tests.chaos.entry ORDERS COMMAND…``: when the file ORDERS appears, it holds a step of
:data:`tests.chaos.plan.COMMIT_STEPS` and a number n: the n-th commit from then on ends there, by SIGKILL.
The transactional producer is wrapped; no code of tfstream knows of it.
``TFSTREAM_CHAOS_CARELESS`` makes a scorer that reads on from the committed offset without reading again what
its windows hold: the variant that the check must find out.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any, NoReturn

from confluent_kafka import Producer

from tfstream.cli.main import main
from tfstream.core.partition import PartitionTracks
from tfstream.core.track import TrackState
from tfstream.streaming import transaction
from tfstream.streaming.client import Properties, new_transactional_producer

CARELESS = "TFSTREAM_CHAOS_CARELESS"
_FLUSH_S = 5.0
_INTO_COMMIT_S = 0.004


class DoomedProducer:
    """A transactional producer that kills its process where the orders say; otherwise it is the real one."""

    def __init__(self, producer: Producer, orders: Path) -> None:
        self._producer = producer
        self._orders = orders
        self._step = ""
        self._left = 0  # commits to live for

    def __getattr__(self, name: str) -> Any:
        return getattr(self._producer, name)

    def __len__(self) -> int:
        return len(self._producer)

    def begin_transaction(self, *arguments: Any) -> None:
        self._take_orders()
        self._left -= 1
        self._die_at("before begin")
        self._producer.begin_transaction(*arguments)

    def produce(self, *arguments: Any, **more: Any) -> None:
        self._producer.produce(*arguments, **more)
        if self._is_due("among outputs"):
            self._producer.flush(_FLUSH_S)
            _die()

    def send_offsets_to_transaction(self, *arguments: Any) -> None:
        if self._is_due("after outputs"):
            self._producer.flush(_FLUSH_S)
            _die()
        self._producer.send_offsets_to_transaction(*arguments)

    def commit_transaction(self, *arguments: Any) -> None:
        self._die_at("after offsets")
        if self._is_due("during commit"):
            threading.Timer(_INTO_COMMIT_S, _die).start()
        self._producer.commit_transaction(*arguments)
        self._die_at("after commit")

    def _take_orders(self) -> None:
        if self._orders.exists():
            step, _, number = self._orders.read_text(encoding="utf-8").rpartition(" ")
            self._orders.unlink()
            self._step, self._left = step, int(number)

    def _is_due(self, step: str) -> bool:
        return self._step == step and self._left <= 0

    def _die_at(self, step: str) -> None:
        if self._is_due(step):
            _die()


def _die() -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("a process outlives no SIGKILL")


def _obey(orders: Path) -> None:
    def doomed(properties: Properties, transactional_id: str) -> Any:
        return DoomedProducer(new_transactional_producer(properties, transactional_id), orders)

    setattr(transaction, new_transactional_producer.__name__, doomed)


def _be_careless() -> None:
    resume = PartitionTracks.resume

    def without_rewind(
        self: PartitionTracks, states: dict[str, TrackState], clock_us: int, committed_offset: int
    ) -> int:
        resume(self, states, clock_us, committed_offset)
        return committed_offset

    PartitionTracks.resume = without_rewind  # type: ignore[method-assign]


if __name__ == "__main__":
    _obey(Path(sys.argv[1]))
    if os.environ.get(CARELESS):
        _be_careless()
    sys.argv[1:2] = []
    main()
