"""What a check gets from earlier checks, and how its outcome becomes a result."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Literal

from tfstream.config import Settings
from tfstream.errors import TfstreamError
from tfstream.storage.database import Connection, Database
from tfstream.storage.streams import StreamRecord
from tfstream.streaming.connection.properties import Properties

State = Literal["ok", "warning", "failed", "skipped"]


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckResult:
    """The result of one check; ``exit_code`` is the command's if this check is the first that failed."""

    name: str
    state: State
    detail: str
    remedy: str | None = None
    exit_code: int = 0


@dataclass(slots=True)
class CheckContext:
    """What later checks need from earlier checks; ``database`` and ``stream`` are None until then.

    ``group`` is the scorers' consumer group, None for the usual group.
    """

    settings: Settings
    topic: str
    group: str | None = None
    database: Database | None = None
    kafka: bool = False  # whether Kafka has answered
    stream: StreamRecord | None = None
    results: list[CheckResult] = field(default_factory=list)


class CheckSkipped(Exception):
    """The check needs something that an earlier check did not get; argument: what it needs."""


class CheckWarning(Exception):
    """A problem that does not stop the stream; arguments: detail, remedy."""


def run_check(context: CheckContext, name: str, check: Callable[[CheckContext], str]) -> None:
    """Run a check and append its result to the context's results.

    A check returns its detail, or raises CheckSkipped, CheckWarning or an error of the program.
    """
    try:
        result = CheckResult(name=name, state="ok", detail=check(context))
    except CheckSkipped as skipped:
        result = CheckResult(name=name, state="skipped", detail=f"needs {skipped}")
    except CheckWarning as warning:
        detail, remedy = warning.args
        result = CheckResult(name=name, state="warning", detail=detail, remedy=remedy)
    except TfstreamError as error:
        detail, _, remedy = str(error).partition("; ")
        result = CheckResult(
            name=name, state="failed", detail=detail, remedy=remedy or None, exit_code=error.exit_code
        )
    context.results.append(result)


def open_connection(context: CheckContext) -> AbstractContextManager[Connection]:
    """:raises CheckSkipped: when the database cannot be used."""
    if context.database is None:
        raise CheckSkipped("the database")
    return context.database.begin()


def require_stream(context: CheckContext) -> StreamRecord:
    """:raises CheckSkipped: when the stream could not be read."""
    if context.stream is None:
        raise CheckSkipped("the stream")
    return context.stream


def scoring_group(context: CheckContext) -> str:
    """The consumer group of the stream's scorers."""
    return context.group or f"tfstream.score.{context.topic}"


def kafka_properties(context: CheckContext) -> Properties:
    """:raises CheckSkipped: when Kafka did not answer."""
    if not context.kafka:
        raise CheckSkipped("kafka")
    return context.settings.require_kafka()
