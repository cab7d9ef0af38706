"""A scorer in the test process; a test can stop it at any record."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tests.integration.support.commands import Tfstream
from tfstream.app.detection import champion as champions
from tfstream.app.scoring.scorer import Scorer
from tfstream.app.scoring.scorer_options import ScorerOptions
from tfstream.app.scoring.scorer_progress import Progress
from tfstream.storage import streams
from tfstream.storage.database import Database
from tfstream.streaming.topics import ensure_output_topics


def score(
    tfstream: Tfstream,
    topic: str,
    stop: Callable[[Progress], bool] = lambda progress: False,
    *,
    commit_interval_s: float = 0.1,
    start: str = "earliest",
    kafka: Mapping[str, str] | None = None,
) -> Progress:
    """Score until ``stop`` returns True or the topic ends; returns the scorer's progress."""
    database = Database(tfstream.database_url)
    properties = {"bootstrap.servers": tfstream.bootstrap, "session.timeout.ms": "6000", **(kafka or {})}
    with database.begin() as connection:
        stream = streams.get(connection, topic)
    ensure_output_topics(properties, topic)
    champion = champions.wait(database, stream, lambda: False)
    database.close()
    assert champion is not None
    options = ScorerOptions(
        group=f"tfstream.score.{topic}",
        transactional_id=f"tfstream.{topic}",
        commit_interval_s=commit_interval_s,
        start=start,
        until_end=True,
    )
    scorer = Scorer(properties, stream.definition, champion, options, lambda version: None)
    scorer.run(lambda: stop(scorer.progress))
    return scorer.progress
