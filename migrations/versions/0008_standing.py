"""Since when an alarm stands because its shift stays, and in which standing alarm another alarm lies."""

from __future__ import annotations

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

COLUMNS = """
ALTER TABLE anomaly
    ADD COLUMN standing_since timestamptz,
    ADD COLUMN within uuid;
COMMENT ON COLUMN anomaly.standing_since IS
    'Since when its shift stays and hides no other anomaly; NULL: it does not stand';
COMMENT ON COLUMN anomaly.within IS 'The id of the standing anomaly in which it began; NULL: in none';
"""

# Columns can only be added at the end of a view, and only a view without them can be restored by a downgrade.
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
       hidden_by(a) AS hidden_by,
       a.witness,
       array_to_string(a.witnesses, ', ') AS witnesses,
       a.scale_s * interval '1 second' AS scale,
       a.reason,
       CASE WHEN a.kind <> 'silence' THEN a.expected_per_week END AS expected_per_week{columns}
  FROM anomaly a
  JOIN stream s ON s.id = a.stream_id;
COMMENT ON VIEW anomaly_history IS 'Every episode as people read it; order by started_at';
"""
HISTORY_COLUMNS = """,
       a.standing_since,
       a.within"""

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
    op.execute("ALTER TABLE anomaly DROP COLUMN standing_since, DROP COLUMN within")
    op.execute(HISTORY.format(replace="", columns=""))
    op.execute(RIGHTS_BEFORE)
