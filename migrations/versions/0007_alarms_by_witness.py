"""Beside the budget of each asset and week: its alarms by the witness that raised them first."""

from __future__ import annotations

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

# Columns can only be added at the end of a view, and only views without them can be restored by a downgrade.
BUDGET = """
CREATE {replace} VIEW alarm_budget AS
SELECT topic, asset, week, asked, raised_unconfirmed, raised, watched_weeks,
       asked * watched_weeks AS expected,
       poisson_quantile(asked * watched_weeks, 0.025) AS least,
       poisson_quantile(asked * watched_weeks, 0.975) AS most,
       raised_unconfirmed <= poisson_quantile(asked * watched_weeks, 0.975) AS kept,
       asked * calibrated < 2 AS extrapolated{columns}
  FROM (SELECT s.topic,
               coalesce(w.asset, a.asset) AS asset,
               coalesce(w.week, a.week) AS week,
               coalesce(s.definition -> 'asset_budgets' ->> coalesce(w.asset, a.asset),
                        s.definition ->> 'alarm_budget_per_week')::double precision AS asked,
               coalesce(a.unconfirmed, 0) AS raised_unconfirmed,
               coalesce(a.raised, 0) AS raised,
               coalesce(w.weeks, 0) AS watched_weeks,{selected}
               (SELECT (m.metrics ->> 'calibration_weeks')::double precision
                  FROM model m WHERE m.stream_id = s.id AND m.status = 'champion') AS calibrated
          FROM watched_week w
          FULL JOIN (SELECT a.stream_id, a.asset, date_trunc('week', a.started_at, 'UTC') AS week,
                            count(*) AS raised,{counted}
                            count(*) FILTER (WHERE coalesce(a.verdict, 'false-alarm') = 'false-alarm')
                              AS unconfirmed
                       FROM anomaly a
                      WHERE a.kind <> 'silence' AND hidden_by(a) IS NULL
                      GROUP BY a.stream_id, a.asset, date_trunc('week', a.started_at, 'UTC')) a
            ON a.stream_id = w.stream_id AND a.asset = w.asset AND a.week = w.week
          JOIN stream s ON s.id = coalesce(w.stream_id, a.stream_id)) AS found;
COMMENT ON VIEW alarm_budget IS
    'False alarms asked for and raised, for each asset and week; least to most is what chance gives';
"""
WITNESSES = ("score", "errors", "levels", "season", "instrument")
COLUMNS = "".join(f",\n       raised_by_{witness}" for witness in WITNESSES)
SELECTED = "".join(
    f"\n               coalesce(a.raised_by_{witness}, 0) AS raised_by_{witness}," for witness in WITNESSES
)
COUNTED = "".join(
    f"\n                            count(*) FILTER (WHERE a.witnesses[1] = '{witness}')"
    f" AS raised_by_{witness},"
    for witness in WITNESSES
)

WEEK = """
CREATE VIEW alarm_budget_week AS
SELECT topic, week, assets, watched_weeks, raised_unconfirmed, raised, expected,
       poisson_quantile(expected, 0.025) AS least,
       poisson_quantile(expected, 0.975) AS most,
       raised_unconfirmed <= poisson_quantile(expected, 0.975) AS kept
  FROM (SELECT topic, week,
               count(*) AS assets,
               sum(watched_weeks) AS watched_weeks,
               sum(raised_unconfirmed) AS raised_unconfirmed,
               sum(raised) AS raised,
               sum(expected) AS expected
          FROM alarm_budget GROUP BY topic, week) AS summed;
COMMENT ON VIEW alarm_budget_week IS 'The same for all assets of a stream: many say more than one';
"""

RIGHTS = """
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'tfstream_read') THEN
        GRANT SELECT ON alarm_budget, alarm_budget_week TO tfstream_read;
    END IF;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'tfstream_write') THEN
        GRANT SELECT, INSERT, UPDATE, DELETE ON alarm_budget, alarm_budget_week TO tfstream_write;
    END IF;
END $$;
"""


def upgrade() -> None:
    op.execute(BUDGET.format(replace="OR REPLACE", columns=COLUMNS, selected=SELECTED, counted=COUNTED))


def downgrade() -> None:
    op.execute("DROP VIEW alarm_budget_week, alarm_budget")
    op.execute(BUDGET.format(replace="", columns="", selected="", counted=""))
    op.execute(WEEK)
    op.execute(RIGHTS)
