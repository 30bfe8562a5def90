-- The privileges of the roles that own nothing, applied after every migration and at every start. Correct
-- privileges are not touched, so that a changed row of the catalogue always means that somebody changed it.
--   portal_app: the portal. It reads the ledger and inserts into its append-only tables; everything else is
--       changed by functions that run with the owner's rights.
--   portal_observer: reads the ledger, but not accounts, sessions and tokens.
-- The lists name what is open; everything else is closed to all but the owner.

DO $$
DECLARE
    -- The tables of the ledger, which both roles read.
    ledger CONSTANT TEXT[] := '{events, canonical_events, appends, agent_keys, witnesses, key_changes, clock_drift_warnings, ledger_config,
        halt_state, ceremonies, ceremony_voices, ceremony_openings, person_keys, unwritten_records, drifted_events,
        continuity_memory}';
    -- The tables that the application may also read, insert into, update, trim (insert and delete) or change freely.
    reads CONSTANT TEXT[] := '{django_migrations}';
    inserts CONSTANT TEXT[] := '{events, ceremonies, access_log}';
    updates CONSTANT TEXT[] := '{verifications, watch_alerts, refusals}';
    trims CONSTANT TEXT[] := '{watch_looks}';
    changes CONSTANT TEXT[] := '{api_tokens, knox_authtoken, verification_ranges, sign_in_buckets,
        auth_group, auth_group_permissions, auth_permission, auth_user, auth_user_groups, auth_user_user_permissions,
        axes_accessattempt, axes_accessattemptexpiration, axes_accessfailurelog, axes_accesslog,
        django_admin_log, django_content_type, django_session,
        otp_static_staticdevice, otp_static_statictoken, otp_totp_totpdevice,
        procrastinate_events, procrastinate_jobs, procrastinate_periodic_defers, procrastinate_workers}';
    -- The functions that only read, for both roles, and those that change something, for the application.
    tells CONSTANT TEXT[] := '{verify_chain, signable_content, content_hash_of, ceremony_is_approved, ceremonies_in_force,
        canonical_time, decided_threshold, waiting_records, proposal_expires, unseen_characters, is_text, is_reason, is_name,
        name_fold, latin_shape, imitates_system}';
    acts CONSTANT TEXT[] := '{open_append, begin_append, confirm_append, open_ledger, halt_ledger, remember_continuity, open_ceremony}';
    thing RECORD;
BEGIN
    PERFORM set_config('search_path', 'pg_catalog, public, pg_temp', true);
    -- PUBLIC, which is every role, may not connect, create or execute anything, not even what is created later.
    ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON ROUTINES FROM PUBLIC;
    REVOKE CREATE ON SCHEMA public FROM PUBLIC;
    IF (SELECT pg_has_role(datdba, 'USAGE') FROM pg_database WHERE datname = current_database()) THEN
        EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
        FOR thing IN SELECT rolname AS role FROM pg_roles WHERE rolname IN ('portal_owner', 'portal_app', 'portal_observer') LOOP
            EXECUTE format('GRANT CONNECT ON DATABASE %I TO %I', current_database(), thing.role);
        END LOOP;
    END IF;
    FOR thing IN SELECT rolname AS role FROM pg_roles WHERE rolname IN ('portal_app', 'portal_observer') LOOP
        EXECUTE format('GRANT USAGE ON SCHEMA public TO %I', thing.role);
    END LOOP;

    FOR thing IN
        WITH roles AS (
            SELECT oid, rolname::text AS role, quote_ident(rolname) AS grantee FROM pg_roles WHERE rolname IN ('portal_app', 'portal_observer')
            UNION ALL
            SELECT 0, 'everybody', 'PUBLIC'
        ), tables AS (
            SELECT c.oid, c.relname::text AS name, CASE c.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END AS kind,
                   c.relacl AS acl, c.relowner AS owner,
                   -- The table that draws its numbers from a sequence.
                   (SELECT t.relname::text FROM pg_depend d JOIN pg_class t ON t.oid = d.refobjid
                    WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.refclassid = 'pg_class'::regclass
                      AND d.deptype IN ('a', 'i')) AS numbered
            FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
        ), wanted AS (
            SELECT t.oid::regclass::text AS what, t.kind, t.acl, t.owner, t.oid AS relation, r.oid AS role, r.grantee,
                   CASE
                       WHEN r.role = 'everybody' THEN '{}'
                       WHEN t.kind = 'SEQUENCE' THEN CASE
                           WHEN r.role = 'portal_app' AND t.numbered = ANY (inserts || updates || trims || changes)
                           THEN '{SELECT, USAGE}' ELSE '{}' END
                       WHEN r.role = 'portal_observer' THEN CASE WHEN t.name = ANY (ledger) THEN '{SELECT}' ELSE '{}' END
                       WHEN t.name = ANY (changes) THEN '{DELETE, INSERT, SELECT, UPDATE}'
                       WHEN t.name = ANY (updates) THEN '{INSERT, SELECT, UPDATE}'
                       WHEN t.name = ANY (trims) THEN '{DELETE, INSERT, SELECT}'
                       WHEN t.name = ANY (inserts) THEN '{INSERT, SELECT}'
                       WHEN t.name = ANY (ledger || reads) THEN '{SELECT}'
                       ELSE '{}'
                   END::text[] AS rights
            FROM tables t CROSS JOIN roles r
            UNION ALL
            -- The queue of background jobs is the application's alone.
            SELECT p.oid::regprocedure::text, 'ROUTINE', coalesce(p.proacl, acldefault('f', p.proowner)), p.proowner, 0, r.oid, r.grantee,
                   CASE WHEN p.proname = ANY (tells) AND r.oid <> 0
                          OR (p.proname = ANY (acts) OR starts_with(p.proname, 'procrastinate_')) AND r.role = 'portal_app'
                        THEN '{EXECUTE}' ELSE '{}' END::text[]
            FROM pg_proc p CROSS JOIN roles r WHERE p.pronamespace = 'public'::regnamespace
            UNION ALL
            SELECT y.oid::regtype::text, 'TYPE', coalesce(y.typacl, acldefault('T', y.typowner)), y.typowner, 0, r.oid, r.grantee,
                   CASE WHEN r.role = 'portal_app' THEN '{USAGE}' ELSE '{}' END::text[]
            FROM pg_type y CROSS JOIN roles r
            WHERE y.typnamespace = 'public'::regnamespace AND starts_with(y.typname, 'procrastinate_') AND y.typelem = 0
        )
        SELECT w.what, w.kind, w.grantee, array_to_string(w.rights, ', ') AS rights
        FROM wanted w
        WHERE pg_has_role(w.owner, 'USAGE') AND (
            w.rights <> ARRAY(SELECT a.privilege_type || CASE WHEN a.is_grantable THEN ' with grant option' ELSE '' END
                              FROM aclexplode(w.acl) a WHERE a.grantee = w.role ORDER BY 1)
            OR EXISTS (SELECT FROM pg_attribute t CROSS JOIN aclexplode(t.attacl) a
                       WHERE t.attrelid = w.relation AND a.grantee = w.role))
    LOOP
        EXECUTE format('REVOKE ALL ON %s %s FROM %s', thing.kind, thing.what, thing.grantee);
        IF thing.rights <> '' THEN
            EXECUTE format('GRANT %s ON %s %s TO %s', thing.rights, thing.kind, thing.what, thing.grantee);
        END IF;
    END LOOP;
END
$$;
