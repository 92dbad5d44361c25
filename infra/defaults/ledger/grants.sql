-- What may each role do with the tables and views that stand now? Roles that do not exist are left
-- out. Run by whoever owns the tables: the program itself after a change of the schema.

DO $$
DECLARE
    name text;
    thing record;
    rights text;
BEGIN
    FOREACH name IN ARRAY ARRAY['replan_engine', 'replan_api', 'replan_audit_ro', 'grafana_ro'] LOOP
        CONTINUE WHEN NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name);
        EXECUTE format('GRANT USAGE ON SCHEMA public TO %I', name);
        FOR thing IN
            SELECT c.oid::regclass AS relation, c.relname, c.relkind
            FROM pg_class c
            WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'v', 'S')
        LOOP
            rights := CASE
                WHEN thing.relkind = 'v' AND thing.relname LIKE 'v\_%' THEN 'SELECT'
                WHEN name = 'grafana_ro' THEN NULL
                -- Who is signed in is the pages' affair alone.
                WHEN name <> 'replan_api' AND thing.relname IN (
                    'session', 'ticket', 'token', 'first_answer'
                )
                    THEN NULL
                WHEN name = 'replan_audit_ro' OR thing.relname = 'alembic_version' THEN 'SELECT'
                WHEN thing.relkind = 'S' THEN 'USAGE'
                -- Rows that nobody changes; triggers say so to the owner too.
                WHEN thing.relname IN ('audit', 'decision', 'decision_move', 'verdict')
                    THEN 'SELECT, INSERT'
                -- What a run alone writes.
                WHEN name = 'replan_api' AND thing.relname IN (
                    'answer', 'dlq', 'fit', 'forecast_begun', 'forecast_day',
                    'forecast_now', 'lease', 'manifest', 'out_file', 'proposal', 'segment', 'series',
                    'snapshot'
                ) THEN 'SELECT'
                ELSE 'SELECT, INSERT, UPDATE, DELETE'
            END;
            CONTINUE WHEN rights IS NULL;
            EXECUTE format('REVOKE ALL ON %s %s FROM %I',
                CASE thing.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, thing.relation, name);
            EXECUTE format('GRANT %s ON %s %s TO %I', rights,
                CASE thing.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, thing.relation, name);
        END LOOP;
    END LOOP;
END $$;
