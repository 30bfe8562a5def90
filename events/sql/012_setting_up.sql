-- Setting up: what the operator does alone until ceremonies are in force.
--
-- All of it is done under the append lock, so that "from this sequence on" is exact. Later each of these
-- decisions takes a ceremony (CT-13), except the first key of a new agent and a new witness.

-- Tells whether ceremonies are in force: from the third person registered on, since it takes one to
-- propose and two to approve. It counts everybody who was ever registered, so that retiring people does
-- not lead back to setting up.
CREATE FUNCTION ceremonies_in_force() RETURNS BOOLEAN
LANGUAGE sql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT count(DISTINCT name_fold(person)) >= 3 FROM person_keys
$$;

-- Refuses what takes a ceremony once ceremonies are in force.
CREATE FUNCTION require_setting_up(what TEXT) RETURNS VOID
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF ceremonies_in_force() THEN
        RAISE EXCEPTION 'CT-13: % takes a ceremony: people are registered, and one alone no longer decides it', what
            USING ERRCODE = 'AP005', CONSTRAINT = 'ceremony_needed';
    END IF;
END
$$;

-- Registers a key from the next event on, and returns that sequence. Only the first key of an agent needs
-- no ceremony.
CREATE FUNCTION register_agent_key(new_key_id TEXT, new_agent_id TEXT, new_public_key TEXT) RETURNS BIGINT
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    first BIGINT;
BEGIN
    IF EXISTS (SELECT FROM agent_keys k WHERE k.agent_id IS NOT DISTINCT FROM new_agent_id) THEN
        PERFORM require_setting_up('another key of an agent that had one');
    END IF;
    INSERT INTO agent_keys (key_id, agent_id, public_key, active_from, from_sequence)
    SELECT new_key_id, new_agent_id, new_public_key, h.authority_timestamp, h.last_sequence + 1 FROM open_append() h
    RETURNING from_sequence INTO first;
    RETURN first;
END
$$;

-- Retires a key, and returns the last sequence that it may sign; NULL if it is not active.
CREATE FUNCTION retire_agent_key(old_key_id TEXT) RETURNS BIGINT
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    last BIGINT;
BEGIN
    PERFORM require_setting_up('retiring a key');
    UPDATE agent_keys k SET active_until = h.authority_timestamp, until_sequence = h.last_sequence
    FROM open_append() h WHERE k.key_id = old_key_id AND k.until_sequence IS NULL
    RETURNING k.until_sequence INTO last;
    RETURN last;
END
$$;

-- Registers a witness from the next event on, and returns that sequence.
CREATE FUNCTION register_witness(new_witness_id TEXT, new_public_key TEXT) RETURNS BIGINT
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    INSERT INTO witnesses (witness_id, public_key, active_from, from_sequence)
    SELECT new_witness_id, new_public_key, h.authority_timestamp, h.last_sequence + 1 FROM open_append() h
    RETURNING from_sequence
$$;

-- Retires a witness, and returns the last sequence that it may sign; NULL if it is not active.
CREATE FUNCTION retire_witness(old_witness_id TEXT) RETURNS BIGINT
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    last BIGINT;
BEGIN
    PERFORM require_setting_up('retiring a witness');
    UPDATE witnesses w SET active_until = h.authority_timestamp, until_sequence = h.last_sequence
    FROM open_append() h WHERE w.witness_id = old_witness_id AND w.until_sequence IS NULL
    RETURNING w.until_sequence INTO last;
    RETURN last;
END
$$;

-- Sets the drift threshold and returns it. The lock makes exact which events were compared with it.
CREATE FUNCTION set_drift_threshold(seconds NUMERIC) RETURNS NUMERIC
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    PERFORM lock_ledger();
    PERFORM require_setting_up('changing the drift threshold');
    UPDATE ledger_config SET drift_threshold_seconds = seconds, operator_threshold_seconds = seconds,
        operator_threshold_from = coalesce((SELECT max(a.last_sequence) FROM appends a), 0)
    RETURNING drift_threshold_seconds INTO seconds;
    RETURN CASE WHEN FOUND THEN seconds END;
END
$$;

-- Registers one of the first three people, and returns the sequence from which the key is valid. Only the
-- owner may call it. `event` is the event of this transaction that registers the person. A halted ledger
-- accepts no event, but must be able to get the people who clear the halt: then `event` is NULL, and the
-- record waits until the halt is cleared.
CREATE FUNCTION register_first_person(new_person TEXT, new_public_key TEXT, event UUID, proof TEXT DEFAULT NULL)
RETURNS BIGINT
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    first BIGINT;
BEGIN
    PERFORM lock_ledger();
    IF event IS NULL THEN
        INSERT INTO unwritten_records (event_type, payload)
        VALUES ('system.person_registered', jsonb_strip_nulls(jsonb_build_object(
            'person', new_person, 'public_key', new_public_key, 'proof', proof)))
        RETURNING event_id INTO event;
    END IF;
    INSERT INTO person_keys (public_key, person, event_id, active_from, from_sequence)
    SELECT new_public_key, new_person, event, clock_timestamp(),
           coalesce((SELECT a.last_sequence FROM appends a ORDER BY a.last_sequence DESC LIMIT 1), 0) + 1
    RETURNING from_sequence INTO first;
    RETURN first;
END
$$;
