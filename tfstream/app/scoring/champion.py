"""The model in charge of a stream: loading it, waiting for it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from tfstream.app.runtime.background_call import BackgroundCall
from tfstream.app.runtime.metrics import MetricBoard
from tfstream.app.scoring.score_batch import Champion
from tfstream.app.scoring.status import IdleReason, ScoringStatus
from tfstream.core.difference import sensors_difference, settings_difference
from tfstream.core.stream import StreamDefinition
from tfstream.errors import ConfigurationError, ServiceUnavailable
from tfstream.storage import models
from tfstream.storage.database import Database
from tfstream.storage.models import ModelRow
from tfstream.storage.streams import StreamRecord

if TYPE_CHECKING:  # torch again
    from tfstream.model.scoring.detector import Detector

LATE_S = 10.0  # an answer that takes longer will not come soon: the server hangs
_POLL_S = 0.5


def load(row: ModelRow, definition: StreamDefinition) -> Champion:
    """A stored model, ready to score.

    :raises BadData: when its bytes are damaged.
    :raises ConfigurationError: when it was made for other sensors or another interval than the stream has, or
        under settings that this program scores otherwise with.
    """
    from tfstream.model import bundle  # torch takes two seconds to import: most commands do without

    detector = bundle.load(row.bundle)
    _check_fits(detector, definition, row.version)
    return Champion(detector, row.version, row.sha256)


def wait(
    database: Database,
    stream: StreamRecord,
    stop: Callable[[], bool],
    *,
    patient: bool = True,
    not_scoring: ScoringStatus | None = None,
) -> Champion | None:
    """The stream's champion, as soon as there is one; None when ``stop`` came first.

    :raises ConfigurationError: when there is none and one is not ``patient``.
    :raises ServiceUnavailable: when the database does not answer and one is not ``patient``.
    """
    topic = stream.definition.topic
    waiting = not_scoring or ScoringStatus(topic, MetricBoard())
    question: BackgroundCall[ModelRow | str] | None = None
    while not stop():
        question = question or BackgroundCall("champion", lambda: _stored(database, stream))
        try:
            row = _answer(question, database)
        except TimeoutError:
            continue
        except ServiceUnavailable as down:
            if not patient:
                raise
            waiting.because(IdleReason.DATABASE, f"waiting for a model: {down}")
        else:
            if not isinstance(row, str):
                return load(row, stream.definition)
            if not patient:
                raise ConfigurationError(row)
            waiting.because(IdleReason.NO_MODEL, row)
        if question.done:
            question = None
            time.sleep(_POLL_S)
    return None


def _stored(database: Database, stream: StreamRecord) -> ModelRow | str:
    """The champion, or why there is none."""
    with database.begin() as connection:
        row = models.champion(connection, stream.id)
        return row or models.describe_missing_champion(connection, stream.id, stream.definition.topic)


def _answer(question: BackgroundCall[ModelRow | str], database: Database) -> ModelRow | str:
    """:raises TimeoutError: while there is none and the database has not had long."""
    try:
        return question.result(_POLL_S)
    except TimeoutError:
        if question.elapsed_s < LATE_S:
            raise
        raise ServiceUnavailable(hangs(database, question.elapsed_s)) from None


def hangs(database: Database, for_s: float) -> str:
    """What to say of a server that took a question and gives no answer."""
    return f"PostgreSQL at {database.address} hangs: no answer for {for_s:.0f} s; end or restart it"


def _check_fits(detector: Detector, definition: StreamDefinition, version: int) -> None:
    """:raises ConfigurationError: with all that differs between a model and what it is to score."""
    found = [
        sensors_difference(detector.definition_sensors, definition.sensors),
        _interval_difference(detector.interval_us, definition.interval_us),
        _settings_difference(detector),
    ]
    if difference := "; ".join(part for part in found if part):
        raise ConfigurationError(
            f"model version {version} does not fit stream {definition.topic} ({difference}); "
            f"run `tfstream train --topic {definition.topic}`"
        )


def _interval_difference(model_us: int, stream_us: int) -> str:
    if model_us == stream_us:
        return ""
    return f"an interval of {model_us / 1e6:g} s in the model, of {stream_us / 1e6:g} s in the stream"


def _settings_difference(detector: Detector) -> str:
    """Of the settings that scores depend on."""
    from tfstream.model.detector_config import DetectorConfig

    return settings_difference(detector.config.scoring, DetectorConfig().scoring)
