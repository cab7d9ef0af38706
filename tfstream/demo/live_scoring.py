"""Score a day of readings while it is sent."""

from __future__ import annotations

from collections.abc import Callable

from tfstream.app.detection.champion import Champion
from tfstream.app.ingest.sink import Sink, background_sink
from tfstream.app.runtime.background import Background, Stop, run_beside
from tfstream.app.scoring.scorer import Scorer
from tfstream.app.scoring.scorer_options import ScorerOptions
from tfstream.app.scoring.scorer_progress import Progress
from tfstream.storage.database import Database
from tfstream.storage.streams import StreamRecord
from tfstream.streaming.connection.properties import Properties

Report = Callable[[str, float], None]


def score_live(
    properties: Properties,
    database: Database,
    stream: StreamRecord,
    champion: Champion,
    send: Callable[[], int],
    report: Report,
) -> Progress:
    """Score from the current end of the topic, and return when every message of ``send`` has been scored.

    :param send: sends the readings and returns the number of messages; runs in a thread.
    """
    topic = stream.definition.topic
    options = ScorerOptions(
        group=f"tfstream.score.{topic}", transactional_id=f"tfstream.{topic}.demo", start="latest"
    )
    scorer = Scorer(properties, stream.definition, champion, options, lambda version: None)
    live_day = _LiveDay(scorer, send, report)
    with run_beside(background_sink(Sink(properties, database, stream), drain=True)):
        scorer.run(live_day.is_scored)
    live_day.end()
    return scorer.progress


class _LiveDay:
    """Sends the readings as soon as the scorer listens, and knows when all of them have been scored."""

    def __init__(self, scorer: Scorer, send: Callable[[], int], report: Report) -> None:
        self._scorer = scorer
        self._report = report
        self._send = send
        self._sent: int | None = None
        self._sender = Background("plant", self._send_all)

    def is_scored(self) -> bool:
        """Whether every message is scored, or sending failed; the scorer calls this before each batch."""
        if not self._sender.started:
            if self._scorer.listening:
                self._sender.start()
            return False
        scored = self._scorer.progress.records
        if self._sent:
            self._report("score", min(scored / self._sent, 1.0))
        return self._sender.failed or (self._sent is not None and scored >= self._sent)

    def end(self) -> None:
        """Wait for the sending thread, and raise its error if it failed."""
        self._sender.end()
        if self._sender.error is not None:
            raise self._sender.error

    def _send_all(self, stop: Stop) -> None:
        self._sent = self._send()
