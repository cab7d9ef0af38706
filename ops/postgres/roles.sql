-- Creates a role for each tfstream process with the least rights that it needs; the roles cannot log in.
-- Run it after `tfstream db upgrade`, as the schema's owner, who must be allowed to create roles:
--
--     psql "$OWNER_URL" -v ON_ERROR_STOP=1 -f ops/postgres/roles.sql
--     psql "$OWNER_URL" -c "CREATE ROLE scorer LOGIN PASSWORD '...' IN ROLE tfstream_score"
--
-- You can run it again. The roles exist in the whole server, their rights in this database.
--
--     tfstream_record   record
--     tfstream_score    score, sink
--     tfstream_train    train, trainer
--     tfstream_read     every listing, replay, check
--     tfstream_write    all of these, and streams add, streams set, load, models promote, models rollback,
--                       anomalies label, exclusions and db partitions
--
-- The migrations create tfstream_read and tfstream_write.

DO $$
DECLARE
    role_name text;
BEGIN
    FOREACH role_name IN ARRAY ARRAY['tfstream_record', 'tfstream_score', 'tfstream_train'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role_name) THEN
            EXECUTE format('CREATE ROLE %I NOLOGIN', role_name);
        END IF;
        EXECUTE format('REVOKE ALL ON ALL TABLES IN SCHEMA %I FROM %I', current_schema(), role_name);
        EXECUTE format('GRANT USAGE ON SCHEMA %I TO %I', current_schema(), role_name);
        EXECUTE format('GRANT SELECT ON alembic_version, stream TO %I', role_name);
    END LOOP;
END $$;

GRANT SELECT, INSERT, UPDATE ON reading, progress TO tfstream_record;

GRANT SELECT ON model TO tfstream_score;
GRANT SELECT, INSERT, UPDATE ON anomaly, score, progress TO tfstream_score;

GRANT EXECUTE ON FUNCTION make_partition TO tfstream_record, tfstream_score;

GRANT SELECT ON reading, exclusion, anomaly TO tfstream_train;
GRANT SELECT, INSERT ON exclusion_span TO tfstream_train;
GRANT UPDATE (spans_until) ON exclusion TO tfstream_train;
GRANT SELECT, INSERT, UPDATE ON model, training_run TO tfstream_train;
GRANT SELECT ON training_history, score TO tfstream_train;
GRANT SELECT, INSERT, UPDATE ON scored_day TO tfstream_train;
GRANT SELECT, INSERT ON champion_change TO tfstream_train;
-- a new model version locks its stream's row, so that version numbers have no gap; the lock needs this right
GRANT UPDATE (changed_at) ON stream TO tfstream_train;
