-- Privileges of the roles that own nothing. Idempotent: applied after every migration.
-- portal_app: the portal itself. It reads and inserts where the ledger is append-only; what must
-- move otherwise moves in functions that belong to the owner.
-- portal_observer: reads the ledger, and nothing of accounts, sessions and tokens.

DO $$
DECLARE
    routine REGPROCEDURE;
    kind REGTYPE;
    role TEXT;
    ledger CONSTANT TEXT := 'events, canonical_events, appends, agent_keys, witnesses, clock_drift_warnings, ledger_config, halt_state, ceremonies, drifted_events, continuity_memory, ceremony_voices, person_keys, unwritten_records, ceremony_openings';
BEGIN
    -- The queue of background jobs is the application's alone; what makes it open its functions
    -- and types to everybody.
    FOR routine IN SELECT oid FROM pg_proc
        WHERE pronamespace = 'public'::regnamespace AND starts_with(proname, 'procrastinate_') LOOP
        EXECUTE format('REVOKE ALL ON ROUTINE %s FROM PUBLIC', routine);
        IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'portal_app') THEN
            EXECUTE format('GRANT EXECUTE ON ROUTINE %s TO portal_app', routine);
        END IF;
    END LOOP;
    FOR kind IN SELECT oid FROM pg_type
        WHERE typnamespace = 'public'::regnamespace AND starts_with(typname, 'procrastinate_')
          AND typelem = 0 LOOP
        EXECUTE format('REVOKE ALL ON TYPE %s FROM PUBLIC', kind);
        IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'portal_app') THEN
            EXECUTE format('GRANT USAGE ON TYPE %s TO portal_app', kind);
        END IF;
    END LOOP;

    -- Nobody comes in, makes anything or runs anything by being anybody. What is made later is as
    -- closed: a new function waits for its grant here.
    ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON ROUTINES FROM PUBLIC;
    REVOKE CREATE ON SCHEMA public FROM PUBLIC;
    IF (SELECT pg_has_role(datdba, 'USAGE') FROM pg_database WHERE datname = current_database()) THEN
        EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
        FOR role IN SELECT rolname FROM pg_roles WHERE rolname IN ('portal_owner', 'portal_app', 'portal_observer') LOOP
            EXECUTE format('GRANT CONNECT ON DATABASE %I TO %I', current_database(), role);
        END LOOP;
    END IF;
    -- What is not granted by name below is nobody's but the owner's.
    FOR routine IN SELECT oid FROM pg_proc
        WHERE pronamespace = 'public'::regnamespace AND NOT starts_with(proname, 'procrastinate_')
          AND pg_has_role(proowner, 'USAGE') LOOP
        EXECUTE format('REVOKE ALL ON ROUTINE %s FROM PUBLIC', routine);
        FOR role IN SELECT rolname FROM pg_roles WHERE rolname IN ('portal_app', 'portal_observer') LOOP
            EXECUTE format('REVOKE ALL ON ROUTINE %s FROM %I', routine, role);
            IF (SELECT proname FROM pg_proc WHERE oid = routine) IN ('verify_chain', 'signable_content', 'content_hash_of',
                'unseen_characters', 'is_text', 'is_reason', 'is_name', 'name_fold', 'latin_shape', 'imitates_system') THEN
                EXECUTE format('GRANT EXECUTE ON ROUTINE %s TO %I', routine, role);
            END IF;
        END LOOP;
    END LOOP;

    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'portal_app') THEN
        GRANT USAGE ON SCHEMA public TO portal_app;
        GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO portal_app;
        GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO portal_app;
        EXECUTE format('REVOKE ALL ON %s, django_migrations FROM portal_app', ledger);
        EXECUTE format('GRANT SELECT ON %s, django_migrations TO portal_app', ledger);
        GRANT INSERT ON events, ceremonies TO portal_app;
        REVOKE DELETE ON verifications, watch_alerts FROM portal_app;
        REVOKE UPDATE ON watch_looks FROM portal_app;
        REVOKE UPDATE, DELETE ON access_log FROM portal_app;
        REVOKE ALL ON SEQUENCE append_opened_at, append_opened_by FROM portal_app;
        GRANT EXECUTE ON FUNCTION open_append, begin_append, confirm_append, register_agent_key, retire_agent_key, register_witness,
            retire_witness, set_drift_threshold, halt_ledger, remember_continuity, open_ceremony, ceremony_is_approved,
            ceremonies_in_force, canonical_time, waiting_records, proposal_expires TO portal_app;
    END IF;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'portal_observer') THEN
        GRANT USAGE ON SCHEMA public TO portal_observer;
        EXECUTE format('GRANT SELECT ON %s TO portal_observer', ledger);
        GRANT EXECUTE ON FUNCTION ceremony_is_approved, ceremonies_in_force, canonical_time, waiting_records, proposal_expires TO portal_observer;
    END IF;
END
$$;
