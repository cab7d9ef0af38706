"""The messages that tfstream writes: anomaly events and scores, as in ``docs/messages.md``."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from enum import StrEnum

import msgspec

from tfstream.core.messages.witness import Witness

ANOMALY_SCHEMA = "tfstream.anomaly/1"
SCORE_SCHEMA = "tfstream.score/1"
_NAMESPACE = uuid.UUID("6f1b2f8e-5b0a-5f5e-9d55-3b4c0f2a7d11")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class EventKind(StrEnum):
    """What an episode is about."""

    PROCESS = "process"  # several sensors depart from normal together
    INSTRUMENT = "instrument"  # one sensor departs while the others agree
    SILENCE = "silence"  # an asset or a sensor stopped reporting


class EventType(StrEnum):
    """What happened to an episode."""

    OPENED = "opened"
    UPDATED = "updated"
    CLOSED = "closed"


class BandShift(msgspec.Struct, frozen=True, kw_only=True):
    """What changed most in a sensor: its level, or swings with periods from ``shortest_s`` to ``longest_s``.

    ``longest_s`` is None for the level. ``actual`` and ``expected`` are the means of the level, or the
    amplitudes of the swings, in the sensor's own units.
    """

    shortest_s: float
    longest_s: float | None
    actual: float
    expected: float


class SensorShare(msgspec.Struct, frozen=True, kw_only=True):
    """One sensor's part in an anomaly; values in the sensor's own units, None where unknown.

    ``share`` is the sensor's part of all sensors' ``evidence``: by about how many deviations its readings are
    wrong, summed over the episode's hops with the weight 1/n for the n-th hop.
    """

    name: str
    share: float
    actual: float | None
    expected: float | None
    evidence: float = 0.0
    band: BandShift | None = None


class ModelReference(msgspec.Struct, frozen=True, kw_only=True):
    version: int
    sha256: str


class SourceSpan(msgspec.Struct, frozen=True, kw_only=True):
    """The first and the last offset of the readings behind an event, both included."""

    partition: int
    first_offset: int
    last_offset: int


class AnomalyEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One record of ``<topic>.anomalies``. Times are ISO 8601 UTC; ``sequence`` numbers its events.

    ``witness`` raised the peak, at a time scale of ``scale_s`` seconds if it has a time scale, and ``reason``
    says in words what it saw. ``witnesses`` have reached their thresholds during the episode, the first of
    them first. A silence has no witness. Since ``standing_since`` the alarm stands: its shift stays, and what
    happens within it is an alarm of its own, which names this one as ``within``. Events of older versions
    lack these fields; only the score could raise an alarm then.
    """

    schema: str = ANOMALY_SCHEMA
    event: EventType
    anomaly_id: str
    sequence: int
    topic: str
    asset: str
    started_at: str
    ended_at: str | None
    peak_at: str
    score: float
    threshold: float
    expected_per_week: float
    extrapolated: bool
    kind: EventKind
    sensors: tuple[SensorShare, ...]
    model: ModelReference
    source: SourceSpan
    witness: Witness | None = Witness.SCORE
    witnesses: tuple[Witness, ...] = (Witness.SCORE,)
    scale_s: float | None = None
    reason: str | None = None
    standing_since: str | None = None
    within: str | None = None

    def check(self) -> None:
        """:raises ValueError: when an id is not a UUID, or a time is not ISO 8601."""
        for name in (self.anomaly_id, self.within):
            if name is not None:
                uuid.UUID(name)
        for moment in (self.started_at, self.ended_at, self.peak_at, self.standing_since):
            if moment is not None:
                from_iso(moment)


class ScoreRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One record of ``<topic>.scores``: the score of an asset's newest hop, whose last row is at ``ts``.

    The score is the value of ``witness``, and ``expected_per_week`` is how often a week normal data reach it:
    a scale that all witnesses share. It is None in records of older versions.
    """

    schema: str = SCORE_SCHEMA
    topic: str
    asset: str
    ts: str
    score: float
    threshold: float
    model_version: int
    masked: tuple[str, ...] = ()
    witness: Witness = Witness.SCORE
    expected_per_week: float | None = None

    def check(self) -> None:
        """:raises ValueError: when ``ts`` is not ISO 8601."""
        from_iso(self.ts)


def anomaly_id(
    topic: str, asset: str, kind: EventKind, started_us: int, first_witness: Witness | None = Witness.SCORE
) -> str:
    """The id of an episode: the same each time the log is read.

    The kind may change while an episode grows; its first witness stays.
    """
    head = "instrument" if first_witness is Witness.INSTRUMENT else "score"
    if kind is EventKind.SILENCE:
        head = "silence"
    return str(uuid.uuid5(_NAMESPACE, f"{topic}\x1f{asset}\x1f{head}\x1f{started_us}"))


def iso(time_us: int) -> str:
    """Microseconds since 1970 as ISO 8601 UTC with a ``Z``, without a fraction for whole seconds."""
    return (_EPOCH + timedelta(microseconds=time_us)).isoformat().replace("+00:00", "Z")


def from_iso(text: str) -> int:
    """The inverse of :func:`iso`: microseconds since 1970.

    :raises ValueError: when the text is no time, or names no zone.
    """
    time = datetime.fromisoformat(text)
    if time.tzinfo is None:
        raise ValueError(f"the time {text!r} names no zone; {iso(0)!r} is the form")
    return (time - _EPOCH) // timedelta(microseconds=1)


def rounded(value: float) -> float:
    """Six significant digits: the precision of a float32 computation."""
    return float(f"{value:.6g}")
