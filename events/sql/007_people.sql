-- The people who hold ceremonies (CT-13), and the key of each. A key is registered once, retired once and
-- valid by place, as the agents' keys are.

CREATE TABLE person_keys (
    public_key      TEXT        PRIMARY KEY CHECK (public_key ~ '^[A-Za-z0-9+/]{43}=$'),
    person          TEXT        NOT NULL CHECK (is_name(person)),
    -- The event that registers the person. If the ledger is halted, it is written when the halt is
    -- cleared; until then the record is in unwritten_records.
    event_id        UUID        NOT NULL,
    active_from     TIMESTAMPTZ NOT NULL,
    active_until    TIMESTAMPTZ,
    from_sequence   BIGINT      NOT NULL CHECK (from_sequence > 0),
    until_sequence  BIGINT      CHECK (until_sequence >= from_sequence - 1),
    CHECK ((active_until IS NULL) = (until_sequence IS NULL))
);
CREATE UNIQUE INDEX person_keys_one_active ON person_keys (name_fold(person)) WHERE until_sequence IS NULL;
COMMENT ON TABLE person_keys IS 'Ed25519 public keys of the people who hold ceremonies, never deleted';

CREATE TRIGGER refuse_change_of_person_keys
    BEFORE UPDATE ON person_keys FOR EACH ROW EXECUTE FUNCTION refuse_all_but_retirement();
CREATE TRIGGER refuse_removal_of_person_keys
    BEFORE DELETE OR TRUNCATE ON person_keys FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE person_keys ENABLE ALWAYS TRIGGER refuse_change_of_person_keys;
ALTER TABLE person_keys ENABLE ALWAYS TRIGGER refuse_removal_of_person_keys;

-- The person and the key that an event registers, and the proof of possession of the key; NULLs if it
-- registers nobody.
CREATE FUNCTION said_person(event_type TEXT, payload JSONB, OUT person TEXT, OUT public_key TEXT, OUT proof TEXT)
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog AS $$
    SELECT said ->> 'person', said ->> 'public_key', said ->> 'proof'
    FROM (SELECT CASE event_type
        WHEN 'system.person_registered' THEN payload
        WHEN 'ceremony.add_person' THEN payload #> '{proposal,details}' END AS said) s
$$;

-- Refuses a person whom no event or unwritten record registers. Once ceremonies are in force, only the
-- recording of a ceremony may register one, and only the person whom it adds. The proof of possession is
-- verified here, whoever registers.
CREATE FUNCTION guard_person_keys() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    registering TEXT := 'ceremony.add_person';
    said RECORD;
BEGIN
    IF ceremony_opened_here(registering) IS NULL THEN
        PERFORM require_setting_up('registering a person');
        registering := 'system.person_registered';
    END IF;
    SELECT p.*, record.is_signed INTO said FROM (
        SELECT e.event_type, e.payload, event_is_signed(e) AS is_signed
        FROM events e WHERE e.event_id = NEW.event_id AND e.agent_id IS NULL
        UNION ALL
        SELECT u.event_type, u.payload, true FROM unwritten_records u WHERE u.event_id = NEW.event_id
    ) record, said_person(record.event_type, record.payload) p
    WHERE record.event_type = registering LIMIT 1;
    IF (NEW.person, NEW.public_key) IS DISTINCT FROM (said.person, said.public_key) THEN
        RAISE EXCEPTION 'CT-13: % is not registered: no event says so', NEW.person
            USING ERRCODE = 'AP005', CONSTRAINT = 'unrecorded';
    ELSIF NOT said.is_signed THEN
        RAISE EXCEPTION 'CT-13: % is not registered: the signatures of the event that says so do not verify', NEW.person
            USING ERRCODE = 'AP005', CONSTRAINT = 'signature';
    ELSIF NOT proves_possession(said.person, said.public_key, said.proof) THEN
        RAISE EXCEPTION 'CT-13: the proof is not a signature by the key of %', NEW.person
            USING ERRCODE = 'AP005', CONSTRAINT = 'proof';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER guard_person_keys_before_insert
    BEFORE INSERT ON person_keys FOR EACH ROW EXECUTE FUNCTION guard_person_keys();
ALTER TABLE person_keys ENABLE ALWAYS TRIGGER guard_person_keys_before_insert;
