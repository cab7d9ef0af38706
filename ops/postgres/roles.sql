-- The least rights of each tfstream process in PostgreSQL, as roles without a login of their own.
-- Run it as the schema's owner, after `tfstream db upgrade`, by a user who may make roles:
--
--     psql "$OWNER_URL" -v ON_ERROR_STOP=1 -f ops/postgres/roles.sql
--     psql "$OWNER_URL" -c "CREATE ROLE scorer LOGIN PASSWORD '...' IN ROLE tfstream_score"
--
-- Running it again does no harm. Roles belong to the whole server, their rights to this database.
--
--     tfstream_record   record
--     tfstream_score    score, sink
--     tfstream_train    train, trainer
--     tfstream_read     every listing, replay, check; made by the migrations, as is
--     tfstream_write    all of them, with streams add, streams set, load, models promote, models rollback,
--                       anomalies label, exclusions and db partitions

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
-- a new version locks its stream's row, so that versions count on without a gap; that takes a right to change it
GRANT UPDATE (changed_at) ON stream TO tfstream_train;
