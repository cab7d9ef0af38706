"""Which witness raised an anomaly, at which time scale and what it saw; how rare each score is."""

from __future__ import annotations

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

# Before this revision only the score could raise an alarm; a silence has no witness.
COLUMNS = """
ALTER TABLE anomaly
    ADD COLUMN witness text,
    ADD COLUMN witnesses text[] NOT NULL DEFAULT '{}',
    ADD COLUMN scale_s double precision,
    ADD COLUMN reason text,
    ADD CONSTRAINT anomaly_witness_check
        CHECK (witness IN ('score', 'errors', 'levels', 'season', 'instrument'));
UPDATE anomaly SET witness = 'score', witnesses = '{score}' WHERE kind <> 'silence';
COMMENT ON COLUMN anomaly.witness IS 'The statistic that raised the peak; NULL for a silence';
COMMENT ON COLUMN anomaly.witnesses IS
    'All statistics that reached their thresholds, the first of them first';
COMMENT ON COLUMN anomaly.scale_s IS
    'The time scale in seconds at which the witness looked; NULL: it has none';
COMMENT ON COLUMN anomaly.reason IS 'What the witness saw, in words';
ALTER TABLE score
    ADD COLUMN witness text NOT NULL DEFAULT 'score',
    ADD COLUMN expected_per_week double precision;
COMMENT ON COLUMN score.witness IS 'The statistic whose value the score is';
COMMENT ON COLUMN score.expected_per_week IS
    'How often a week normal data reach the score; NULL in scores of older versions';
"""

HISTORY = """
CREATE {replace} VIEW anomaly_history AS
SELECT s.topic,
       a.asset,
       a.kind,
       a.state,
       a.started_at,
       a.ended_at,
       a.ended_at - a.started_at AS duration,
       a.score,
       a.threshold,
       a.score / nullif(a.threshold, 0) AS severity,
       a.sensors -> 0 ->> 'name' AS top_sensor,
       (SELECT string_agg(sensor ->> 'name' || ' ' || round(100 * (sensor ->> 'share')::numeric) || ' %', ', '
                          ORDER BY place)
          FROM jsonb_array_elements(a.sensors) WITH ORDINALITY AS part (sensor, place)) AS sensors,
       a.verdict,
       a.model_version,
       a.id,
       a.verdict_at,
       a.verdict_by,
       a.note,
       hidden_by(a) IS NOT NULL AS hidden,
       hidden_by(a) AS hidden_by{columns}
  FROM anomaly a
  JOIN stream s ON s.id = a.stream_id;
COMMENT ON VIEW anomaly_history IS 'Every episode as people read it; order by started_at';
"""
HISTORY_COLUMNS = """,
       a.witness,
       array_to_string(a.witnesses, ', ') AS witnesses,
       a.scale_s * interval '1 second' AS scale,
       a.reason,
       CASE WHEN a.kind <> 'silence' THEN a.expected_per_week END AS expected_per_week"""

RIGHTS_BEFORE = """
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'tfstream_read') THEN
        GRANT SELECT ON anomaly_history TO tfstream_read;
    END IF;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'tfstream_write') THEN
        GRANT SELECT, INSERT, UPDATE, DELETE ON anomaly_history TO tfstream_write;
    END IF;
END $$;
"""


def upgrade() -> None:
    op.execute(COLUMNS)
    op.execute(HISTORY.format(replace="OR REPLACE", columns=HISTORY_COLUMNS))


def downgrade() -> None:
    op.execute("DROP VIEW anomaly_history")
    op.execute("ALTER TABLE score DROP COLUMN witness, DROP COLUMN expected_per_week")
    op.execute(
        "ALTER TABLE anomaly DROP COLUMN witness, DROP COLUMN witnesses, DROP COLUMN scale_s, "
        "DROP COLUMN reason"
    )
    op.execute(HISTORY.format(replace="", columns=""))
    op.execute(RIGHTS_BEFORE)
