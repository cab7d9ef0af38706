"""The outcome of interrupted refits, and a view of all refits for people."""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

OUTCOMES = """
ALTER TABLE training_run DROP CONSTRAINT training_run_outcome_check;
ALTER TABLE training_run ADD CONSTRAINT training_run_outcome_check
    CHECK (outcome IN ('promoted', 'candidate', 'rejected', 'failed', 'interrupted'));
"""

VIEW = """
CREATE VIEW training_history AS
SELECT s.topic,
       r.started_at,
       r.finished_at - r.started_at AS took,
       coalesce(r.outcome, 'running') AS outcome,
       r.reason,
       r.model_version,
       r.rows,
       r.trained_from,
       r.trained_until,
       r.id
  FROM training_run r
  JOIN stream s ON s.id = r.stream_id;
COMMENT ON VIEW training_history IS 'Every refit, what it learnt from and how it ended; order by started_at';
"""

RIGHTS = """
DO $$
DECLARE
    role_name text;
BEGIN
    FOREACH role_name IN ARRAY ARRAY['tfstream_read', 'tfstream_write'] LOOP
        IF EXISTS (SELECT FROM pg_roles WHERE rolname = role_name) THEN
            EXECUTE format('GRANT SELECT ON training_history TO %I', role_name);
        END IF;
    END LOOP;
END $$;
"""

BACK = """
UPDATE training_run SET outcome = 'failed' WHERE outcome = 'interrupted';
ALTER TABLE training_run DROP CONSTRAINT training_run_outcome_check;
ALTER TABLE training_run ADD CONSTRAINT training_run_outcome_check
    CHECK (outcome IN ('promoted', 'candidate', 'rejected', 'failed'));
"""


def upgrade() -> None:
    op.execute(OUTCOMES)
    op.execute(VIEW)
    op.execute(RIGHTS)


def downgrade() -> None:
    op.execute("DROP VIEW training_history")
    op.execute(BACK)
