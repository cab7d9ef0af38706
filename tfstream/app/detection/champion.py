"""A stream's champion: loading it, and waiting for the first champion."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from tfstream.app.runtime.background_call import BackgroundCall
from tfstream.app.runtime.metrics import MetricBoard
from tfstream.app.runtime.scoring_status import IdleReason, ScoringStatus
from tfstream.core.difference import sensors_difference, settings_difference
from tfstream.core.stream import StreamDefinition
from tfstream.errors import ConfigurationError, ServiceUnavailable
from tfstream.storage import models
from tfstream.storage.database import Database
from tfstream.storage.models import ModelRow
from tfstream.storage.streams import StreamRecord

if TYPE_CHECKING:  # torch takes two seconds to import, and most commands do not need it
    from tfstream.model.scoring.detector import Detector

LATE_S = 10.0  # a server that has not answered by then hangs
_POLL_S = 0.5


class Champion(NamedTuple):
    """A loaded model, with the version and the checksum that events carry."""

    detector: Detector
    version: int
    sha256: str


def load(row: ModelRow, definition: StreamDefinition) -> Champion:
    """Load a stored model for scoring.

    :raises BadData: when its bytes are damaged.
    :raises ConfigurationError: when it was trained for other sensors or another sampling interval than the
        stream's, or under other scoring settings than this program's.
    """
    from tfstream.model import bundle

    detector = bundle.load(row.bundle)
    _check_fits(detector, definition, row.version)
    return Champion(detector, row.version, row.sha256)


def wait(
    database: Database,
    stream: StreamRecord,
    stop: Callable[[], bool],
    *,
    keep_waiting: bool = True,
    status: ScoringStatus | None = None,
) -> Champion | None:
    """Wait for the stream's champion and load it; None when ``stop`` returned true first.

    :raises ConfigurationError: when there is none, unless ``keep_waiting``.
    :raises ServiceUnavailable: when the database does not answer, unless ``keep_waiting``.
    """
    status = status or ScoringStatus(stream.definition.topic, MetricBoard())
    query: BackgroundCall[ModelRow | str] | None = None
    while not stop():
        query = query or BackgroundCall("champion", lambda: _read_champion(database, stream))
        try:
            row = _result(query, database)
        except TimeoutError:
            continue
        except ServiceUnavailable as unavailable:
            if not keep_waiting:
                raise
            status.report_idle(IdleReason.DATABASE, f"waiting for a model: {unavailable}")
        else:
            if not isinstance(row, str):
                return load(row, stream.definition)
            if not keep_waiting:
                raise ConfigurationError(row)
            status.report_idle(IdleReason.NO_MODEL, row)
        if query.done:
            query = None
            time.sleep(_POLL_S)
    return None


def _read_champion(database: Database, stream: StreamRecord) -> ModelRow | str:
    """The champion, or why there is none."""
    with database.begin() as connection:
        row = models.champion(connection, stream.id)
        return row or models.describe_missing_champion(connection, stream.id, stream.definition.topic)


def _result(query: BackgroundCall[ModelRow | str], database: Database) -> ModelRow | str:
    """:raises TimeoutError: while there is no answer and the database is not late yet."""
    try:
        return query.result(_POLL_S)
    except TimeoutError:
        if query.elapsed_s < LATE_S:
            raise
        raise ServiceUnavailable(describe_hang(database, query.elapsed_s)) from None


def describe_hang(database: Database, elapsed_s: float) -> str:
    """The message about a server that accepted a query and does not answer."""
    return f"PostgreSQL at {database.address} hangs: no answer for {elapsed_s:.0f} s; end or restart it"


def _check_fits(detector: Detector, definition: StreamDefinition, version: int) -> None:
    """:raises ConfigurationError: when the model does not fit the stream; names every difference."""
    differences = [
        sensors_difference(detector.definition_sensors, definition.sensors),
        _interval_difference(detector.interval_us, definition.interval_us),
        _settings_difference(detector),
    ]
    if difference := "; ".join(part for part in differences if part):
        raise ConfigurationError(
            f"model version {version} does not fit stream {definition.topic} ({difference}); "
            f"run `tfstream train --topic {definition.topic}`"
        )


def _interval_difference(model_us: int, stream_us: int) -> str:
    if model_us == stream_us:
        return ""
    return f"an interval of {model_us / 1e6:g} s in the model, of {stream_us / 1e6:g} s in the stream"


def _settings_difference(detector: Detector) -> str:
    """The difference in the settings that scores depend on."""
    from tfstream.model.detector_config import DetectorConfig

    return settings_difference(detector.config.scoring, DetectorConfig().scoring)
