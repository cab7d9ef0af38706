"""Noticing that another version of the model was put in charge, without ever waiting for the database."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from tfstream.app.runtime import metrics
from tfstream.app.runtime.background_call import BackgroundCall
from tfstream.app.runtime.metrics import MetricBoard, Sample
from tfstream.app.scoring import champion as champions
from tfstream.app.scoring.score_batch import Champion
from tfstream.errors import TfstreamError
from tfstream.storage import models
from tfstream.storage.database import Database
from tfstream.storage.models import ModelRow
from tfstream.storage.streams import StreamRecord

_log = logging.getLogger("tfstream.model")
SELDOM_S = 2.0
OFTEN_S = 0.2
_ASK_AGAIN_S = 12.0  # after a refusal
_REMIND_S = 60.0


class ChampionWatcher:
    """Asks every ``ask_every_s`` whether another version became the champion: one question at a time, aside.

    Called with every commit, it has the answer to what it asked at the one before.

    With a database that is down or hangs, or a model that does not fit, the present champion goes on scoring.
    """

    def __init__(
        self,
        database: Database,
        stream: StreamRecord,
        board: MetricBoard | None = None,
        clock: Callable[[], float] = time.monotonic,
        ask_every_s: float = SELDOM_S,
    ) -> None:
        self._database = database
        self._stream = stream
        self._board = board or MetricBoard()
        self._clock = clock
        self._ask_every_s = ask_every_s
        self._question: BackgroundCall[ModelRow | None] | None = None
        self._ask_at = 0.0
        self._tell_at = 0.0
        self._refused: int | None = None
        self._in_vain = False
        self._publish()

    def __call__(self, version: int) -> Champion | None:
        """The new champion, or None while ``version`` still is the one, or nobody has answered."""
        if self._question is not None and not self._question.done:
            self._tell_if_late(version)
            return None
        question, self._question = self._question, None
        newer = None if question is None else self._taken(question, version)
        if newer is None and self._clock() >= self._ask_at:
            self._ask(version)
        return newer

    def _ask(self, version: int) -> None:
        self._question = BackgroundCall("successor", lambda: self._newer(version))
        self._ask_at = self._clock() + self._ask_every_s
        self._tell_at = self._clock() + champions.LATE_S

    def _taken(self, question: BackgroundCall[ModelRow | None], version: int) -> Champion | None:
        try:
            row = question.result()
        except TfstreamError as refusal:
            _log.warning("cannot ask for a newer model: %s", refusal)
            self._ask_at = self._clock() + _ASK_AGAIN_S
            self._waits(True)
            return None
        self._waits(False)
        return None if row is None else self._loaded(row, version)

    def _newer(self, version: int) -> ModelRow | None:
        """In the thread: nothing but the database."""
        with self._database.begin() as connection:
            champion = models.champion_version(connection, self._stream.id)
            if champion is None or champion in (version, self._refused):
                return None
            return models.load(connection, self._stream.id, champion)

    def _loaded(self, row: ModelRow, version: int) -> Champion | None:
        try:
            return champions.load(row, self._stream.definition)
        except TfstreamError as error:
            self._refused = row.version
            _log.error("the new champion is refused, version %d goes on: %s", version, error)
            return None

    def _tell_if_late(self, version: int) -> None:
        if self._question is None or self._clock() < self._tell_at:
            return
        self._tell_at = self._clock() + _REMIND_S
        self._waits(True)
        said = champions.hangs(self._database, self._question.elapsed_s)
        _log.warning("cannot ask for a newer model, version %d goes on: %s", version, said)

    def _waits(self, in_vain: bool) -> None:
        if in_vain == self._in_vain:
            return
        self._in_vain = in_vain
        self._publish()
        if not in_vain:
            _log.info("newer models of %s are asked for again", self._stream.definition.topic)

    def _publish(self) -> None:
        own = ("score", self._stream.definition.topic)
        self._board.publish("successor", [Sample(metrics.WAITING, own, float(self._in_vain))])
