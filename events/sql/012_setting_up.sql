-- Setting up: what the operator does alone until ceremonies are in force.
--
-- All of it is recorded in the chain by events of the system, and done under the append lock, so that
-- "from this sequence on" is exact. Later each of these decisions takes a ceremony (CT-13), except the
-- first key of a new agent. 018_key_history.sql has the keys and the drift threshold.

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
