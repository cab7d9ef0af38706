"""How long each asset was scored, and its alarms beside the number that its budget allows by chance."""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

# Scores are dropped after some weeks; the number of scores of each day is kept.
TABLES = """
CREATE TABLE scored_day (
    stream_id integer NOT NULL,
    asset text NOT NULL,
    day date NOT NULL,
    hops bigint NOT NULL,
    CONSTRAINT scored_day_pkey PRIMARY KEY (stream_id, asset, day),
    CONSTRAINT scored_day_stream_id_fkey FOREIGN KEY (stream_id) REFERENCES stream (id) ON DELETE CASCADE
);
COMMENT ON TABLE scored_day IS 'Scores of each asset and UTC day, of days that score may have forgotten';
"""

FUNCTION = """
CREATE FUNCTION poisson_quantile(mean double precision, part double precision) RETURNS integer
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    count integer := 0;
    term double precision := exp(-least(mean, 700));
    below double precision := term;
BEGIN
    IF mean > 700 THEN  -- e to that power is nearly nothing, and the law nearly a normal one
        RETURN round(mean + CASE WHEN part < 0.5 THEN -1.96 ELSE 1.96 END * sqrt(mean));
    END IF;
    WHILE below < part LOOP
        count := count + 1;
        term := term * mean / count;
        below := below + term;
    END LOOP;
    RETURN count;
END $$;
COMMENT ON FUNCTION poisson_quantile IS 'The least count that this part of a Poisson law does not exceed';
"""

# Every model has a hop of 8 rows, see tfstream/model/detector_config.py.
WATCHED = """
CREATE VIEW watched_week AS
SELECT day.stream_id,
       day.asset,
       date_trunc('week', day.day::timestamp) AT TIME ZONE 'UTC' AS week,
       sum(day.hops) * 8 * max((s.definition ->> 'interval_us')::double precision) / 604800e6 AS weeks
  FROM (SELECT stream_id, asset, day, max(hops) AS hops
          FROM (SELECT stream_id, asset, day, hops FROM scored_day
                UNION ALL
                SELECT c.stream_id, c.asset, (c.ts AT TIME ZONE 'UTC')::date AS day, count(*) AS hops
                  FROM score c
                  LEFT JOIN (SELECT stream_id, max(day) AS newest FROM scored_day GROUP BY stream_id) kept
                    ON kept.stream_id = c.stream_id
                 WHERE kept.newest IS NULL OR c.ts >= kept.newest
                 GROUP BY c.stream_id, c.asset, (c.ts AT TIME ZONE 'UTC')::date) AS counted
         GROUP BY stream_id, asset, day) AS day
  JOIN stream s ON s.id = day.stream_id
 GROUP BY day.stream_id, day.asset, date_trunc('week', day.day::timestamp);
COMMENT ON VIEW watched_week IS 'For how much of each week an asset was scored';
"""

BUDGET = """
CREATE VIEW alarm_budget AS
SELECT topic, asset, week, asked, raised_unconfirmed, raised, watched_weeks,
       asked * watched_weeks AS expected,
       poisson_quantile(asked * watched_weeks, 0.025) AS least,
       poisson_quantile(asked * watched_weeks, 0.975) AS most,
       raised_unconfirmed <= poisson_quantile(asked * watched_weeks, 0.975) AS kept,
       asked * calibrated < 2 AS extrapolated
  FROM (SELECT s.topic,
               coalesce(w.asset, a.asset) AS asset,
               coalesce(w.week, a.week) AS week,
               coalesce(s.definition -> 'asset_budgets' ->> coalesce(w.asset, a.asset),
                        s.definition ->> 'alarm_budget_per_week')::double precision AS asked,
               coalesce(a.unconfirmed, 0) AS raised_unconfirmed,
               coalesce(a.raised, 0) AS raised,
               coalesce(w.weeks, 0) AS watched_weeks,
               (SELECT (m.metrics ->> 'calibration_weeks')::double precision
                  FROM model m WHERE m.stream_id = s.id AND m.status = 'champion') AS calibrated
          FROM watched_week w
          FULL JOIN (SELECT a.stream_id, a.asset, date_trunc('week', a.started_at, 'UTC') AS week,
                            count(*) AS raised,
                            count(*) FILTER (WHERE coalesce(a.verdict, 'false-alarm') = 'false-alarm')
                              AS unconfirmed
                       FROM anomaly a
                      WHERE a.kind <> 'silence' AND hidden_by(a) IS NULL
                      GROUP BY a.stream_id, a.asset, date_trunc('week', a.started_at, 'UTC')) a
            ON a.stream_id = w.stream_id AND a.asset = w.asset AND a.week = w.week
          JOIN stream s ON s.id = coalesce(w.stream_id, a.stream_id)) AS found;
COMMENT ON VIEW alarm_budget IS
    'False alarms asked for and raised, for each asset and week; least to most is what chance gives';

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

BUDGET_BEFORE = """
CREATE VIEW alarm_budget AS
SELECT s.topic,
       a.asset,
       date_trunc('week', a.started_at, 'UTC') AS week,
       (s.definition ->> 'alarm_budget_per_week')::double precision AS asked,
       count(*) FILTER (WHERE a.verdict IS DISTINCT FROM 'confirmed') AS raised_unconfirmed,
       count(*) AS raised
  FROM anomaly a
  JOIN stream s ON s.id = a.stream_id
 WHERE a.kind <> 'silence'
 GROUP BY s.topic, s.definition, a.asset, week;
COMMENT ON VIEW alarm_budget IS 'False alarms asked for and alarms raised, for each asset and week';
"""

RIGHTS = """
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'tfstream_read') THEN
        GRANT SELECT ON {views} TO tfstream_read;
    END IF;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'tfstream_write') THEN
        GRANT SELECT, INSERT, UPDATE, DELETE ON {views} TO tfstream_write;
    END IF;
END $$;
"""


def upgrade() -> None:
    op.execute(TABLES)
    op.execute(FUNCTION)
    op.execute(WATCHED)
    op.execute("DROP VIEW alarm_budget")
    op.execute(BUDGET)
    op.execute(RIGHTS.format(views="scored_day, watched_week, alarm_budget, alarm_budget_week"))


def downgrade() -> None:
    op.execute("DROP VIEW alarm_budget_week, alarm_budget, watched_week")
    op.execute(BUDGET_BEFORE)
    op.execute(RIGHTS.format(views="alarm_budget"))
    op.execute("DROP TABLE scored_day")
    op.execute("DROP FUNCTION poisson_quantile")
