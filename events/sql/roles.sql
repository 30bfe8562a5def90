-- Creates the three roles of the ledger and gives the database to its owner. Run it in the ledger's database
-- as a role that may create roles; it may be repeated. It sets no passwords: give each role its own
-- afterwards, in psql with \password portal_owner and so on.

DO $$
DECLARE
    role TEXT;
    held TEXT;
BEGIN
    FOREACH role IN ARRAY ARRAY['portal_owner', 'portal_app', 'portal_observer'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role) THEN
            EXECUTE format('CREATE ROLE %I LOGIN', role);
        END IF;
        -- Names only attributes that the role has: NOSUPERUSER and others may be set by a superuser only.
        SELECT concat_ws(' ', CASE WHEN rolsuper THEN 'NOSUPERUSER' END, CASE WHEN rolcreaterole THEN 'NOCREATEROLE' END,
                         CASE WHEN rolcreatedb THEN 'NOCREATEDB' END, CASE WHEN rolreplication THEN 'NOREPLICATION' END,
                         CASE WHEN rolbypassrls THEN 'NOBYPASSRLS' END)
            INTO held FROM pg_roles WHERE rolname = role;
        IF held <> '' THEN
            EXECUTE format('ALTER ROLE %I %s', role, held);
        END IF;
    END LOOP;
    -- No membership in other roles: the application could act as the owner by SET ROLE.
    FOR role, held IN SELECT pg_get_userbyid(roleid), pg_get_userbyid(member) FROM pg_auth_members
        WHERE pg_get_userbyid(member) IN ('portal_app', 'portal_observer') LOOP
        EXECUTE format('REVOKE %I FROM %I', role, held);
    END LOOP;
    IF (SELECT pg_get_userbyid(datdba) <> 'portal_owner' FROM pg_database WHERE datname = current_database()) THEN
        EXECUTE format('ALTER DATABASE %I OWNER TO portal_owner', current_database());
    END IF;
END
$$;
