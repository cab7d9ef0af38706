"""What a check is given, and what it may find."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Literal

from sqlalchemy import Connection

from tfstream.config import Settings
from tfstream.errors import TfstreamError
from tfstream.storage.database import Database
from tfstream.storage.streams import StreamRecord
from tfstream.streaming.client import Properties

State = Literal["ok", "warning", "failed", "skipped"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One check; ``exit_code`` is what the command ends with when this is the first that failed."""

    name: str
    state: State
    detail: str
    remedy: str | None = None
    exit_code: int = 0


@dataclass(slots=True)
class Patient:
    """What earlier checks have found out for later ones."""

    settings: Settings
    topic: str
    group: str | None = None  # of the scorers, where it is not the usual one
    database: Database | None = None
    kafka: bool = False
    stream: StreamRecord | None = None
    findings: list[Finding] = field(default_factory=list)


class Skip(Exception):
    """A check that cannot be made because an earlier one failed."""


class Doubt(Exception):
    """Something to look at that keeps nothing from working; arguments: detail, remedy."""


def run(patient: Patient, name: str, check: Callable[[Patient], str]) -> None:
    try:
        found = Finding(name=name, state="ok", detail=check(patient))
    except Skip as skipped:
        found = Finding(name=name, state="skipped", detail=f"needs {skipped}")
    except Doubt as doubt:
        detail, remedy = doubt.args
        found = Finding(name=name, state="warning", detail=detail, remedy=remedy)
    except TfstreamError as error:
        detail, _, remedy = str(error).partition("; ")
        found = Finding(
            name=name, state="failed", detail=detail, remedy=remedy or None, exit_code=error.exit_code
        )
    patient.findings.append(found)


def connection(patient: Patient) -> AbstractContextManager[Connection]:
    if patient.database is None:
        raise Skip("the database")
    return patient.database.begin()


def known(patient: Patient) -> StreamRecord:
    if patient.stream is None:
        raise Skip("the stream")
    return patient.stream


def scoring_group(patient: Patient) -> str:
    return patient.group or f"tfstream.score.{patient.topic}"


def kafka_properties(patient: Patient) -> Properties:
    """:raises Skip: when Kafka did not answer."""
    if not patient.kafka:
        raise Skip("kafka")
    return patient.settings.require_kafka()
