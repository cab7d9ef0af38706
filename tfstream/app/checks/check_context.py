"""What a check is given, and what it may find."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Literal

from tfstream.config import Settings
from tfstream.errors import TfstreamError
from tfstream.storage.database import Connection, Database
from tfstream.storage.streams import StreamRecord
from tfstream.streaming.properties import Properties

State = Literal["ok", "warning", "failed", "skipped"]


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckResult:
    """One check; ``exit_code`` is what the command ends with when this is the first that failed."""

    name: str
    state: State
    detail: str
    remedy: str | None = None
    exit_code: int = 0


@dataclass(slots=True)
class CheckContext:
    """What earlier checks have found out for later ones."""

    settings: Settings
    topic: str
    group: str | None = None  # of the scorers, where it is not the usual one
    database: Database | None = None
    kafka: bool = False
    stream: StreamRecord | None = None
    findings: list[CheckResult] = field(default_factory=list)


class CheckSkipped(Exception):
    """A check that cannot be made because an earlier one failed."""


class CheckWarning(Exception):
    """Something to look at that keeps nothing from working; arguments: detail, remedy."""


def run_check(patient: CheckContext, name: str, check: Callable[[CheckContext], str]) -> None:
    try:
        found = CheckResult(name=name, state="ok", detail=check(patient))
    except CheckSkipped as skipped:
        found = CheckResult(name=name, state="skipped", detail=f"needs {skipped}")
    except CheckWarning as doubt:
        detail, remedy = doubt.args
        found = CheckResult(name=name, state="warning", detail=detail, remedy=remedy)
    except TfstreamError as error:
        detail, _, remedy = str(error).partition("; ")
        found = CheckResult(
            name=name, state="failed", detail=detail, remedy=remedy or None, exit_code=error.exit_code
        )
    patient.findings.append(found)


def connection(patient: CheckContext) -> AbstractContextManager[Connection]:
    if patient.database is None:
        raise CheckSkipped("the database")
    return patient.database.begin()


def stream_of(patient: CheckContext) -> StreamRecord:
    if patient.stream is None:
        raise CheckSkipped("the stream")
    return patient.stream


def scoring_group(patient: CheckContext) -> str:
    return patient.group or f"tfstream.score.{patient.topic}"


def kafka_properties(patient: CheckContext) -> Properties:
    """:raises Skip: when Kafka did not answer."""
    if not patient.kafka:
        raise CheckSkipped("kafka")
    return patient.settings.require_kafka()
