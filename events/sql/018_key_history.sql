-- The keys in the chain (docs/event-format.md, "Keys"): the first event opens the ledger and names its
-- first two keys, and every later key is registered and retired by an event. The registries hold what
-- these events say, so that anybody can recompute them from the chain.

-- Tells which key an event registers or retires: one row for each change. Every column has its name and
-- type, so that a restored view has the same text.
CREATE VIEW key_changes AS
SELECT e.sequence, 'registered'::text AS change, k.role, k.id, NULL::text AS owner, k.public_key,
       1 AS sig_alg_version, 'server'::text AS custody, 1::bigint AS from_sequence
FROM events e CROSS JOIN LATERAL (
    SELECT 'system'::text AS role, e.payload #>> '{system_key,key_id}' AS id,
           e.payload #>> '{system_key,public_key}' AS public_key
    UNION ALL
    SELECT 'witness'::text AS role, e.payload #>> '{witness,witness_id}' AS id,
           e.payload #>> '{witness,public_key}' AS public_key) k
WHERE e.event_type = 'system.ledger_opened' AND e.agent_id IS NULL
UNION ALL
SELECT e.sequence, 'registered'::text AS change, e.payload ->> 'role' AS role, e.payload ->> 'id' AS id,
       e.payload ->> 'owner' AS owner, e.payload ->> 'public_key' AS public_key,
       (e.payload ->> 'sig_alg_version')::integer AS sig_alg_version, e.payload ->> 'custody' AS custody,
       e.sequence + 1 AS from_sequence
FROM events e WHERE e.event_type = 'system.key_registered' AND e.agent_id IS NULL
UNION ALL
SELECT e.sequence, 'registered'::text AS change, r.role, e.payload #>> '{proposal,details,new_key}' AS id, r.owner,
       e.payload #>> '{proposal,details,new_public_key}' AS public_key, r.sig_alg_version, r.custody,
       e.sequence + 1 AS from_sequence
FROM events e CROSS JOIN LATERAL (
    SELECT CASE WHEN k.agent_id IS NULL THEN 'system'::text ELSE 'agent'::text END AS role, k.agent_id AS owner,
           k.sig_alg_version::integer AS sig_alg_version, k.custody
    FROM agent_keys k WHERE k.key_id = e.payload #>> '{proposal,details,old_key}'
    UNION ALL
    SELECT 'witness'::text AS role, NULL::text AS owner, 1 AS sig_alg_version, 'server'::text AS custody
    WHERE starts_with(e.payload #>> '{proposal,details,old_key}', 'WITNESS:')) r
WHERE e.event_type = 'ceremony.rotate_key' AND e.agent_id IS NULL
UNION ALL
SELECT e.sequence, 'retired'::text AS change, NULL::text AS role, CASE e.event_type
           WHEN 'system.key_registered' THEN e.payload ->> 'replaces'
           WHEN 'system.key_retired' THEN e.payload ->> 'id'
           ELSE e.payload #>> '{proposal,details,old_key}' END AS id,
       NULL::text AS owner, NULL::text AS public_key, NULL::integer AS sig_alg_version, NULL::text AS custody,
       NULL::bigint AS from_sequence
FROM events e
WHERE (e.event_type IN ('system.key_retired', 'ceremony.rotate_key', 'ceremony.retire_key')
       OR e.event_type = 'system.key_registered' AND e.payload ? 'replaces')
  AND e.agent_id IS NULL;
COMMENT ON VIEW key_changes IS 'Keys that events register and retire';

-- Refuses to commit a key that no event of the chain registers or retires exactly as its row says.
CREATE FUNCTION require_key_event() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    key CONSTANT JSONB := to_jsonb(NEW);
    key_name CONSTANT TEXT := coalesce(key ->> 'key_id', key ->> 'witness_id');
    key_role CONSTANT TEXT := CASE WHEN TG_TABLE_NAME = 'witnesses' THEN 'witness'
                               WHEN key ->> 'agent_id' IS NULL THEN 'system' ELSE 'agent' END;
BEGIN
    IF NOT EXISTS (
        SELECT FROM key_changes c
        WHERE c.sequence = greatest(NEW.from_sequence - 1, 1) AND c.change = 'registered'
          AND (c.from_sequence, c.role, c.id, c.public_key) = (NEW.from_sequence, key_role, key_name, NEW.public_key)
          AND c.owner IS NOT DISTINCT FROM key ->> 'agent_id'
          AND c.custody = coalesce(key ->> 'custody', 'server')
          AND c.sig_alg_version = coalesce((key ->> 'sig_alg_version')::integer, 1))
       OR NEW.until_sequence IS NOT NULL AND NOT EXISTS (
        SELECT FROM key_changes c
        WHERE c.sequence = NEW.until_sequence AND c.change = 'retired' AND c.id = key_name) THEN
        RAISE EXCEPTION 'CT-13: the key % is refused: no event registers and retires it so', key_name
            USING ERRCODE = 'AP005', CONSTRAINT = 'unrecorded';
    END IF;
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER require_event_of_agent_key_at_commit
    AFTER INSERT OR UPDATE ON agent_keys DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION require_key_event();
CREATE CONSTRAINT TRIGGER require_event_of_witness_at_commit
    AFTER INSERT OR UPDATE ON witnesses DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION require_key_event();
ALTER TABLE agent_keys ENABLE ALWAYS TRIGGER require_event_of_agent_key_at_commit;
ALTER TABLE witnesses ENABLE ALWAYS TRIGGER require_event_of_witness_at_commit;

-- --- The opening -------------------------------------------------------------------------------------

-- The payload of the first event: the name of the ledger and its first two keys.
CREATE FUNCTION opening_payload() RETURNS JSONB
LANGUAGE sql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT jsonb_build_object(
        'format_version', 1, 'ledger_id', c.ledger_id,
        'system_key', (SELECT jsonb_build_object('key_id', k.key_id, 'public_key', k.public_key)
                       FROM agent_keys k WHERE k.from_sequence = 1 AND k.agent_id IS NULL),
        'witness', (SELECT jsonb_build_object('witness_id', w.witness_id, 'public_key', w.public_key)
                    FROM witnesses w WHERE w.from_sequence = 1))
    FROM ledger_config c
$$;

-- Registers the first key of the system and the first witness, and returns the payload of the event that
-- must follow in this transaction: `system.ledger_opened`, signed and attested by these two.
CREATE FUNCTION open_ledger(system_key TEXT, system_public_key TEXT, witness TEXT, witness_public_key TEXT) RETURNS TEXT
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    PERFORM open_append();
    IF EXISTS (SELECT FROM appends) OR EXISTS (SELECT FROM agent_keys) OR EXISTS (SELECT FROM witnesses) THEN
        RAISE EXCEPTION 'CT-13: the ledger is open already' USING ERRCODE = 'AP005', CONSTRAINT = 'opened';
    END IF;
    INSERT INTO agent_keys (key_id, public_key, active_from, from_sequence)
    SELECT system_key, system_public_key, h.authority_timestamp, 1 FROM open_append() h;
    INSERT INTO witnesses (witness_id, public_key, active_from, from_sequence)
    SELECT witness, witness_public_key, h.authority_timestamp, 1 FROM open_append() h;
    RETURN opening_payload()::text;
END
$$;

-- --- Later changes -----------------------------------------------------------------------------------

-- The text that a new key signs over its own registration, for this ledger.
CREATE FUNCTION registration_text(registration JSONB) RETURNS TEXT
LANGUAGE sql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT E'audit-portal key v1\n' || canonical_json(
        registration - '{proof, replaced_proof}'::text[] || jsonb_build_object('ledger_id', c.ledger_id))
    FROM ledger_config c
$$;

-- Tells whether a registration is signed by the new key itself.
CREATE FUNCTION registration_verifies(registration JSONB) RETURNS BOOLEAN
LANGUAGE sql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT ed25519_verifies_text(
        registration ->> 'public_key', registration_text(registration), registration ->> 'proof')
$$;

-- Tells whether the key that a registration replaces has signed it too. Only the signature of a key that
-- its writer holds says something: the server could make those of all others itself.
CREATE FUNCTION replaced_key_agrees(registration JSONB) RETURNS BOOLEAN
LANGUAGE sql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT EXISTS (
        SELECT FROM agent_keys k
        WHERE k.key_id = registration ->> 'replaces' AND k.custody = 'writer' AND k.until_sequence IS NULL
          AND ed25519_verifies_text(k.public_key, registration_text(registration), registration ->> 'replaced_proof'))
$$;

-- Retires a key or a witness at an event. What follows the event in its transaction may not be signed by
-- it, because the key is not valid there.
CREATE FUNCTION retire_key(old TEXT, event events) RETURNS VOID
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM events e WHERE e.sequence > event.sequence AND old IN (e.signing_key_id, e.witness_id)) THEN
        RAISE EXCEPTION 'CT-13: an event behind the retirement of % is signed by it', old
            USING ERRCODE = 'AP005', CONSTRAINT = 'key';
    ELSIF starts_with(old, 'WITNESS:') THEN
        UPDATE witnesses SET active_until = event.authority_timestamp, until_sequence = event.sequence
        WHERE witness_id = old AND until_sequence IS NULL;
    ELSE
        UPDATE agent_keys SET active_until = event.authority_timestamp, until_sequence = event.sequence
        WHERE key_id = old AND until_sequence IS NULL;
    END IF;
END
$$;

-- Registers the key that an event names, and retires the one that it replaces. Setting up ends with the
-- third person: then only the first key of a new agent is registered so, and the successor of a key that
-- its writer holds and that has signed the registration too.
CREATE FUNCTION register_key(event events) RETURNS VOID
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    key CONSTANT JSONB := event.payload;
    old CONSTANT TEXT := key ->> 'replaces';
    wanted CONSTANT TEXT[] := '{custody, id, owner, proof, public_key, role, sig_alg_version}';
BEGIN
    -- A member that is null makes a comparison null, which refuses as well.
    IF (jsonb_typeof(key) <> 'object' OR NOT key ?& wanted OR key - wanted - '{replaces, replaced_proof}'::text[] <> '{}'
       OR (key ->> 'role') NOT IN ('agent', 'system', 'witness') OR (key ->> 'role' = 'agent') <> (key ->> 'owner' IS NOT NULL)
       OR (key ->> 'role' = 'witness') <> starts_with(key ->> 'id', 'WITNESS:')
       OR key ->> 'role' <> 'agent' AND key ->> 'custody' <> 'server') IS NOT FALSE THEN
        RAISE EXCEPTION 'CT-13: the registration of a key says exactly %', array_to_string(wanted, ', ')
            USING ERRCODE = 'AP005', CONSTRAINT = 'registration';
    ELSIF NOT registration_verifies(key) THEN
        RAISE EXCEPTION 'CT-13: the proof is not a signature by the key %', key ->> 'id'
            USING ERRCODE = 'AP005', CONSTRAINT = 'proof';
    ELSIF key ? 'replaced_proof' AND NOT replaced_key_agrees(key) THEN
        RAISE EXCEPTION 'CT-13: the replaced_proof is not a signature by an active key % that its writer holds', old
            USING ERRCODE = 'AP005', CONSTRAINT = 'proof';
    END IF;
    IF key ->> 'role' = 'witness' THEN
        PERFORM require_setting_up('another witness');
    ELSIF NOT key ? 'replaced_proof'
          AND EXISTS (SELECT FROM agent_keys k WHERE k.agent_id IS NOT DISTINCT FROM key ->> 'owner') THEN
        PERFORM require_setting_up('another key of an agent that had one');
    END IF;
    IF old IS NOT NULL THEN
        PERFORM require_active_key(old, key ->> 'role', key ->> 'owner');
        PERFORM retire_key(old, event);
    END IF;
    IF key ->> 'role' = 'witness' THEN
        INSERT INTO witnesses (witness_id, public_key, active_from, from_sequence)
        VALUES (key ->> 'id', key ->> 'public_key', event.authority_timestamp, event.sequence + 1);
    ELSE
        INSERT INTO agent_keys (key_id, agent_id, public_key, sig_alg_version, custody, active_from, from_sequence)
        VALUES (key ->> 'id', key ->> 'owner', key ->> 'public_key', (key ->> 'sig_alg_version')::smallint, key ->> 'custody',
                event.authority_timestamp, event.sequence + 1);
    END IF;
END
$$;

-- Refuses to retire what is not an active key, of this role and owner if they are given.
CREATE FUNCTION require_active_key(key TEXT, role TEXT DEFAULT NULL, owner TEXT DEFAULT NULL) RETURNS VOID
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM (
            SELECT CASE WHEN k.agent_id IS NULL THEN 'system' ELSE 'agent' END, k.agent_id
            FROM agent_keys k WHERE k.key_id = key AND k.until_sequence IS NULL
            UNION ALL
            SELECT 'witness', NULL FROM witnesses w WHERE w.witness_id = key AND w.until_sequence IS NULL) a (role, owner)
        WHERE require_active_key.role IS NULL
           OR (a.role = require_active_key.role AND a.owner IS NOT DISTINCT FROM require_active_key.owner)) THEN
        RAISE EXCEPTION 'CT-13: there is no such active key' USING ERRCODE = 'AP005', CONSTRAINT = 'key';
    END IF;
END
$$;

-- Carries out an event of the system that changes keys or the drift threshold, as far as an operator may
-- decide it alone. It runs at the end of the transaction, because the key that signs the event may be the
-- one that it retires. Other events cost one comparison.
CREATE FUNCTION carry_out_system_event() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF NOT event_is_signed(NEW) THEN
        RAISE EXCEPTION 'CT-13: the event % is refused: its signatures do not verify', NEW.event_type
            USING ERRCODE = 'AP005', CONSTRAINT = 'signature';
    END IF;
    CASE NEW.event_type
    WHEN 'system.ledger_opened' THEN
        IF NEW.payload IS DISTINCT FROM opening_payload() THEN
            RAISE EXCEPTION 'CT-13: the first event names this ledger and its first two keys'
                USING ERRCODE = 'AP005', CONSTRAINT = 'opening';
        END IF;
    WHEN 'system.key_registered' THEN
        PERFORM register_key(NEW);
    WHEN 'system.key_retired' THEN
        PERFORM require_setting_up('retiring a key');
        PERFORM require_active_key(NEW.payload ->> 'id');
        PERFORM retire_key(NEW.payload ->> 'id', NEW);
        IF NOT EXISTS (SELECT FROM witnesses w WHERE w.until_sequence IS NULL)
           OR NOT EXISTS (SELECT FROM agent_keys k WHERE k.agent_id IS NULL AND k.until_sequence IS NULL) THEN
            RAISE EXCEPTION 'CT-13: it is the last one, and nothing could be written any more; replace it instead'
                USING ERRCODE = 'AP005', CONSTRAINT = 'key';
        END IF;
    WHEN 'system.drift_threshold_set' THEN
        PERFORM require_setting_up('changing the drift threshold');
        UPDATE ledger_config SET drift_threshold_seconds = (NEW.payload ->> 'seconds')::numeric;
    END CASE;
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER carry_out_system_event_at_commit
    AFTER INSERT ON events DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.event_type IN (
        'system.ledger_opened', 'system.key_registered', 'system.key_retired', 'system.drift_threshold_set'))
    EXECUTE FUNCTION carry_out_system_event();
ALTER TABLE events ENABLE ALWAYS TRIGGER carry_out_system_event_at_commit;

-- --- The ledger's own row ----------------------------------------------------------------------------

-- The drift threshold that the chain decided last, in seconds.
CREATE FUNCTION decided_threshold() RETURNS NUMERIC
LANGUAGE sql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT coalesce((
        SELECT (CASE e.event_type WHEN 'system.drift_threshold_set' THEN e.payload
                                  ELSE e.payload #> '{proposal,details}' END ->> 'seconds')::numeric
        FROM events e
        WHERE e.agent_id IS NULL AND e.event_type IN ('system.drift_threshold_set', 'ceremony.drift_threshold')
        ORDER BY e.sequence DESC LIMIT 1), 5)
$$;

-- Keeps the name of the ledger, and the threshold as an event decided it.
CREATE FUNCTION refuse_change_of_ledger() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND NEW.ledger_id = OLD.ledger_id
       AND (NEW.drift_threshold_seconds = OLD.drift_threshold_seconds
            OR NEW.drift_threshold_seconds = decided_threshold()) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'CT-13: % on ledger_config is refused: a ledger keeps its name, and an event sets its threshold', TG_OP
        USING ERRCODE = 'AP004';
END
$$;
CREATE TRIGGER refuse_change_of_ledger_config
    BEFORE UPDATE OR DELETE ON ledger_config FOR EACH ROW EXECUTE FUNCTION refuse_change_of_ledger();
CREATE TRIGGER refuse_truncate_of_ledger_config
    BEFORE TRUNCATE ON ledger_config FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE ledger_config ENABLE ALWAYS TRIGGER refuse_change_of_ledger_config;
ALTER TABLE ledger_config ENABLE ALWAYS TRIGGER refuse_truncate_of_ledger_config;
