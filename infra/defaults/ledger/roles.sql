-- Who may use a ledger in PostgreSQL? Roles, made once by an administrator of the server:
--
--     psql -v ON_ERROR_STOP=1 -d replan -f roles.sql
--
-- It may be run again at any time. Set passwords afterwards (\password replan_engine), or let the
-- server know the users otherwise. The rights themselves are in grants.sql, which the program runs
-- again after each change of the schema.
--
--   replan_migrate    owns the schema: opens the ledger first, and again with each new version
--   replan_engine     replan run
--   replan_api        replan serve, verdict, stop: everything but what a run alone writes
--   replan_audit_ro   replan audit verify, replay: reads everything
--   grafana_ro        dashboards: reads the views v_*, nothing else, five seconds at most

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY[
        'replan_migrate', 'replan_engine', 'replan_api', 'replan_audit_ro', 'grafana_ro'
    ] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) THEN
            EXECUTE format('CREATE ROLE %I LOGIN', name);
        END IF;
        EXECUTE format(
            'ALTER ROLE %I NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS', name
        );
        EXECUTE format('GRANT CONNECT ON DATABASE %I TO %I', current_database(), name);
    END LOOP;
    EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
END $$;

REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT USAGE, CREATE ON SCHEMA public TO replan_migrate;

ALTER ROLE replan_audit_ro SET default_transaction_read_only = on;
ALTER ROLE grafana_ro SET default_transaction_read_only = on;
ALTER ROLE grafana_ro SET statement_timeout = '5s';
ALTER ROLE grafana_ro SET idle_in_transaction_session_timeout = '5s';
ALTER ROLE grafana_ro CONNECTION LIMIT 20;

-- Whoever may call these could keep the writers of the ledger waiting, or a connection busy.
DO $$
DECLARE
    called record;
BEGIN
    FOR called IN
        SELECT oid::regprocedure AS signature, proname LIKE '%advisory%' AS is_turn
        FROM pg_proc
        WHERE pronamespace = 'pg_catalog'::regnamespace
          AND (proname LIKE 'pg\_%advisory\_%lock%' OR proname LIKE 'pg\_sleep%')
    LOOP
        EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', called.signature);
        IF called.is_turn THEN
            EXECUTE format(
                'GRANT EXECUTE ON FUNCTION %s TO replan_migrate, replan_engine, replan_api',
                called.signature
            );
        END IF;
    END LOOP;
EXCEPTION WHEN insufficient_privilege THEN
    RAISE WARNING 'advisory locks and pg_sleep stay open to every role: % (a superuser can take them away)', SQLERRM;
END $$;

\ir grants.sql
