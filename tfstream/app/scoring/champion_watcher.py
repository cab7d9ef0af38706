"""Notices a new champion without ever waiting for the database."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from tfstream.app.detection import champion as champions
from tfstream.app.detection.champion import Champion
from tfstream.app.runtime import metrics
from tfstream.app.runtime.background_call import BackgroundCall
from tfstream.app.runtime.metrics import MetricBoard, Sample
from tfstream.errors import TfstreamError
from tfstream.storage import models
from tfstream.storage.database import Database
from tfstream.storage.models import ModelRow
from tfstream.storage.streams import StreamRecord

_log = logging.getLogger("tfstream.model")
SELDOM_S = 2.0
OFTEN_S = 0.2
_PAUSE_S = 12.0  # after a query that failed
_REMIND_S = 60.0


class ChampionWatcher:
    """Reads the champion's version every ``query_every_s``, with one query at a time in a thread.

    The scorer calls it with every commit and gets the result of an earlier query. While the database is down
    or hangs, or if the new model does not fit, the present champion continues to score.
    """

    def __init__(
        self,
        database: Database,
        stream: StreamRecord,
        board: MetricBoard | None = None,
        clock: Callable[[], float] = time.monotonic,
        query_every_s: float = SELDOM_S,
    ) -> None:
        self._database = database
        self._stream = stream
        self._board = board or MetricBoard()
        self._clock = clock
        self._query_every_s = query_every_s
        self._query: BackgroundCall[ModelRow | None] | None = None
        self._query_at = 0.0
        self._warn_at = 0.0
        self._refused: int | None = None  # the version of a model that does not fit
        self._unanswered = False
        self._publish()

    def __call__(self, version: int) -> Champion | None:
        """The new champion; None while ``version`` is the champion, or nothing newer is known."""
        if self._query is not None and not self._query.done:
            self._warn_if_late(version)
            return None
        query, self._query = self._query, None
        newer = None if query is None else self._newer(query, version)
        if newer is None and self._clock() >= self._query_at:
            self._start_query(version)
        return newer

    def _start_query(self, version: int) -> None:
        self._query = BackgroundCall("champion-watcher", lambda: self._read_newer(version))
        self._query_at = self._clock() + self._query_every_s
        self._warn_at = self._clock() + champions.LATE_S

    def _newer(self, query: BackgroundCall[ModelRow | None], version: int) -> Champion | None:
        try:
            row = query.result()
        except TfstreamError as error:
            _log.warning("cannot check for a newer model: %s", error)
            self._query_at = self._clock() + _PAUSE_S
            self._set_unanswered(True)
            return None
        self._set_unanswered(False)
        return None if row is None else self._load(row, version)

    def _read_newer(self, version: int) -> ModelRow | None:
        """Runs in the thread, and only reads the database."""
        with self._database.begin() as connection:
            champion = models.champion_version(connection, self._stream.id)
            if champion is None or champion in (version, self._refused):
                return None
            return models.load(connection, self._stream.id, champion)

    def _load(self, row: ModelRow, version: int) -> Champion | None:
        try:
            return champions.load(row, self._stream.definition)
        except TfstreamError as error:
            self._refused = row.version
            _log.error("the new champion cannot be used, version %d continues: %s", version, error)
            return None

    def _warn_if_late(self, version: int) -> None:
        if self._query is None or self._clock() < self._warn_at:
            return
        self._warn_at = self._clock() + _REMIND_S
        self._set_unanswered(True)
        reason = champions.describe_hang(self._database, self._query.elapsed_s)
        _log.warning("cannot check for a newer model, version %d continues: %s", version, reason)

    def _set_unanswered(self, unanswered: bool) -> None:
        if unanswered == self._unanswered:
            return
        self._unanswered = unanswered
        self._publish()
        if not unanswered:
            _log.info("%s: checking for new models again", self._stream.definition.topic)

    def _publish(self) -> None:
        labels = ("score", self._stream.definition.topic)
        self._board.publish("champion-watcher", [Sample(metrics.WAITING, labels, float(self._unanswered))])
