"""The tables as SQLAlchemy objects; ``migrations/`` creates them, and a test compares the two."""

from __future__ import annotations

from sqlalchemy import (
    REAL,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    Double,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TIMESTAMP, UUID

from tfstream.core.learning.verdict import Verdict
from tfstream.core.messages.witness import Witness

metadata = MetaData(
    naming_convention={
        "pk": "%(table_name)s_pkey",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
        "ck": "%(table_name)s_%(constraint_name)s_check",
        "ix": "%(table_name)s_%(column_0_N_name)s_idx",
    }
)

Moment = TIMESTAMP(timezone=True)
OUTCOMES = ("promoted", "candidate", "rejected", "failed", "interrupted")
VERDICTS = tuple(verdict.value for verdict in Verdict)
WITNESSES = tuple(witness.value for witness in Witness)
STATUSES = ("candidate", "champion", "retired", "rejected")
CHANGES = ("refit", "promote", "rollback")


def _one_of(column: str, values: tuple[str, ...]) -> str:
    return f"{column} IN ({', '.join(repr(value) for value in values)})"


def _stream_id(*, primary_key: bool = False) -> Column[int]:
    return Column(
        "stream_id", ForeignKey("stream.id", ondelete="CASCADE"), nullable=False, primary_key=primary_key
    )


stream = Table(
    "stream",
    metadata,
    Column("id", Integer, Identity(), primary_key=True),
    Column("topic", Text, nullable=False, unique=True),
    Column("definition", JSONB, nullable=False),
    Column("created_at", Moment, nullable=False, server_default=func.now()),
    Column("changed_at", Moment, nullable=False, server_default=func.now()),
)

reading = Table(
    "reading",
    metadata,
    _stream_id(primary_key=True),
    Column("asset", Text, primary_key=True),
    Column("ts", Moment, primary_key=True),
    Column(
        "values",
        ARRAY(REAL),
        nullable=False,
        comment="In the order of the stream's sensors; NaN = missing",
    ),
    postgresql_partition_by="RANGE (ts)",
    comment="Raw readings, partitioned by UTC day; written by record and load",
)

score = Table(
    "score",
    metadata,
    _stream_id(primary_key=True),
    Column("asset", Text, primary_key=True),
    Column("ts", Moment, primary_key=True),
    Column("score", Double, nullable=False),
    Column("threshold", Double, nullable=False),
    Column("model_version", Integer, nullable=False),
    Column("masked", ARRAY(Text), nullable=False),
    Column(
        "witness",
        Text,
        nullable=False,
        server_default="score",
        comment="The statistic whose value the score is",
    ),
    Column(
        "expected_per_week",
        Double,
        comment="How often a week normal data reach the score; NULL in scores of older versions",
    ),
    postgresql_partition_by="RANGE (ts)",
    comment="One row for each asset and hop, ending at ts; partitioned by UTC day",
)

scored_day = Table(
    "scored_day",
    metadata,
    _stream_id(primary_key=True),
    Column("asset", Text, primary_key=True),
    Column("day", Date, primary_key=True),
    Column("hops", BigInteger, nullable=False),
    comment="Scores of each asset and UTC day, of days that score may have forgotten",
)

anomaly = Table(
    "anomaly",
    metadata,
    Column("id", UUID(as_uuid=True), primary_key=True),
    _stream_id(),
    Column("asset", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("started_at", Moment, nullable=False),
    Column("ended_at", Moment),
    Column("peak_at", Moment, nullable=False),
    Column("score", Double, nullable=False),
    Column("threshold", Double, nullable=False),
    Column("expected_per_week", Double, nullable=False),
    Column("extrapolated", Boolean, nullable=False),
    Column("sensors", JSONB, nullable=False),
    Column("model_version", Integer, nullable=False),
    Column("model_sha256", Text, nullable=False),
    Column("source", JSONB, nullable=False),
    Column("verdict", Text),
    Column("verdict_at", Moment),
    Column("note", Text),
    Column("first_seen_at", Moment, nullable=False, server_default=func.now()),
    Column("verdict_by", Text),
    Column("verdict_from", Moment, comment="Since when a new normal is one, where not since started_at"),
    Column("witness", Text, comment="The statistic that raised the peak; NULL for a silence"),
    Column(
        "witnesses",
        ARRAY(Text),
        nullable=False,
        server_default="{}",
        comment="All statistics that reached their thresholds, the first of them first",
    ),
    Column(
        "scale_s",
        Double,
        comment="The time scale in seconds at which the witness looked; NULL: it has none",
    ),
    Column("reason", Text, comment="What the witness saw, in words"),
    Column(
        "standing_since",
        Moment,
        comment="Since when its shift stays and hides no other anomaly; NULL: it does not stand",
    ),
    Column(
        "within",
        UUID(as_uuid=True),
        comment="The id of the standing anomaly in which it began; NULL: in none",
    ),
    CheckConstraint(_one_of("kind", ("process", "instrument", "silence")), name="kind"),
    CheckConstraint(_one_of("state", ("open", "closed")), name="state"),
    CheckConstraint(_one_of("verdict", VERDICTS), name="verdict"),
    CheckConstraint(_one_of("witness", WITNESSES), name="witness"),
    Index(None, "stream_id", "started_at"),
    Index(None, "stream_id", "asset", "started_at"),
    comment="One row for each episode, as of its newest event; see anomaly_history",
)

model = Table(
    "model",
    metadata,
    _stream_id(primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("status", Text, nullable=False, server_default="candidate"),
    Column("reason", Text),
    Column("metrics", JSONB, nullable=False),
    Column(
        "bundle",
        LargeBinary,
        nullable=False,
        comment="safetensors: weights, scaler, calibration; never pickle",
    ),
    Column("sha256", Text, nullable=False),
    Column("trained_from", Moment, nullable=False),
    Column("trained_until", Moment, nullable=False),
    Column("rows", BigInteger, nullable=False),
    Column("seed", BigInteger, nullable=False),
    Column("created_at", Moment, nullable=False, server_default=func.now()),
    CheckConstraint(_one_of("status", STATUSES), name="status"),
    Index("model_one_champion", "stream_id", unique=True, postgresql_where=text("status = 'champion'")),
)

champion_change = Table(
    "champion_change",
    metadata,
    Column("id", Integer, Identity(), primary_key=True),
    _stream_id(),
    Column("version", Integer, nullable=False),
    Column("changed_at", Moment, nullable=False, server_default=func.now()),
    Column("how", Text, nullable=False),
    Column("reason", Text),
    Column("changed_by", Text),
    CheckConstraint(_one_of("how", CHANGES), name="how"),
    Index(None, "stream_id", "id"),
    comment="Each time a version was put in charge; never changed afterwards",
)

exclusion = Table(
    "exclusion",
    metadata,
    Column("id", Integer, Identity(), primary_key=True),
    _stream_id(),
    Column("asset", Text),
    Column("sensor_pattern", Text),
    Column("starts_at", Moment, nullable=False),
    Column("ends_at", Moment, nullable=False),
    Column("rrule", Text),
    Column("hide", Boolean, nullable=False),
    Column("no_learn", Boolean, nullable=False),
    Column("reason", Text),
    Column("created_at", Moment, nullable=False, server_default=func.now()),
    Column("time_zone", Text, nullable=False, server_default="UTC"),
    Column("created_by", Text),
    Column("removed_at", Moment),
    Column("removed_from", Moment, comment="Occurrences that begin here or later are none any more"),
    Column("spans_until", Moment, comment="How far exclusion_span knows its occurrences"),
    CheckConstraint("ends_at > starts_at", name="span"),
    Index(None, "stream_id", "starts_at"),
)

exclusion_span = Table(
    "exclusion_span",
    metadata,
    Column("exclusion_id", ForeignKey("exclusion.id", ondelete="CASCADE"), primary_key=True),
    Column("starts_at", Moment, primary_key=True),
    Column("ends_at", Moment, nullable=False),
    comment="Every occurrence of the exclusions, about a year ahead",
)

verdict = Table(
    "verdict",
    metadata,
    Column("id", Integer, Identity(), primary_key=True),
    Column("anomaly_id", ForeignKey("anomaly.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("verdict", Text),
    Column("verdict_from", Moment),
    Column("note", Text),
    Column("given_at", Moment, nullable=False, server_default=func.now()),
    Column("given_by", Text, nullable=False),
    CheckConstraint(_one_of("verdict", VERDICTS), name="verdict"),
    comment="Every verdict ever given, NULL where one was taken back; anomaly has the newest",
)

progress = Table(
    "progress",
    metadata,
    Column("consumer", Text, primary_key=True),
    Column("topic", Text, primary_key=True),
    Column("partition", Integer, primary_key=True),
    Column(
        "next_offset",
        BigInteger,
        nullable=False,
        comment="The next offset to be read, moved in the transaction of the data",
    ),
    Column("updated_at", Moment, nullable=False, server_default=func.now()),
)

training_run = Table(
    "training_run",
    metadata,
    Column("id", Integer, Identity(), primary_key=True),
    _stream_id(),
    Column("started_at", Moment, nullable=False, server_default=func.now()),
    Column("finished_at", Moment),
    Column("outcome", Text),
    Column("reason", Text),
    Column("model_version", Integer),
    Column("rows", BigInteger),
    Column("trained_from", Moment),
    Column("trained_until", Moment),
    Column("metrics", JSONB),
    CheckConstraint(_one_of("outcome", OUTCOMES), name="outcome"),
    Index(None, "stream_id", "started_at"),
)
