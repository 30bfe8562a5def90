-- Halts and ceremonies in force (CT-11, CT-13): who the people are, what may be decided, and that
-- nothing but a decision of theirs has the effects of one.
--
-- SQL cannot verify Ed25519. It checks everything else: who may speak, how often, about which
-- text, how many agree, and that what the chain records is what was said. The portal verifies
-- each signature before it is kept, and every verification of the ledger verifies them again.

-- --- People ------------------------------------------------------------------------------------

-- Like agents' keys: registered once, retired once, valid by place. `event_id` is the event that
-- says so in the chain (or will say so, once a halt is cleared).
CREATE TABLE person_keys (
    public_key      TEXT        PRIMARY KEY CHECK (public_key ~ '^[A-Za-z0-9+/]{43}=$'),
    person          TEXT        NOT NULL CHECK (is_name(person)),
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

-- What should be an event but could not be written when it happened: the halt of a ledger that has
-- no witness, and one of the first people, registered while it is halted. The ceremony that clears
-- the halt writes each as an event of this id, as its approvers signed it.
CREATE TABLE unwritten_records (
    event_id        UUID        PRIMARY KEY DEFAULT gen_random_uuid(),
    event_type      TEXT        NOT NULL CHECK (event_type IN ('system.halted', 'system.person_registered')),
    payload         JSONB       NOT NULL,
    recorded_at     TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE unwritten_records IS 'System events that are still to be written, or were since';
CREATE TRIGGER refuse_change_of_unwritten_records
    BEFORE UPDATE OR DELETE OR TRUNCATE ON unwritten_records
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE unwritten_records ENABLE ALWAYS TRIGGER refuse_change_of_unwritten_records;

-- A ceremony that is being recorded by one transaction. Inside that transaction, and nowhere else,
-- a halted ledger takes the ceremony's events, and a lost tail is passed over.
CREATE TABLE ceremony_openings (
    ceremony_id     UUID        PRIMARY KEY,
    transaction     TEXT        NOT NULL
);
COMMENT ON TABLE ceremony_openings IS 'Which transaction recorded which ceremony';
CREATE TRIGGER refuse_change_of_ceremony_openings
    BEFORE UPDATE OR DELETE OR TRUNCATE ON ceremony_openings
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE ceremony_openings ENABLE ALWAYS TRIGGER refuse_change_of_ceremony_openings;

-- How old a proposal may become: after so many days nobody votes on it, and it is not recorded.
ALTER TABLE ledger_config ADD COLUMN proposal_days INTEGER NOT NULL DEFAULT 30 CHECK (proposal_days BETWEEN 1 AND 366);
CREATE FUNCTION proposal_expires(proposed_at TIMESTAMPTZ) RETURNS TIMESTAMPTZ
LANGUAGE sql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT proposed_at + make_interval(days => c.proposal_days) FROM ledger_config c
$$;

CREATE FUNCTION ceremony_opened_here(kind TEXT DEFAULT NULL) RETURNS UUID
LANGUAGE sql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT o.ceremony_id FROM ceremony_openings o JOIN ceremonies p USING (ceremony_id)
    WHERE o.transaction = pg_current_xact_id_if_assigned()::text AND p.step = 'proposed'
      AND (ceremony_opened_here.kind IS NULL OR p.kind = ceremony_opened_here.kind)
    LIMIT 1
$$;

-- Ceremonies are in force once three people have been registered: one to propose, two to approve.
-- Until then the ledger is being set up, and its operator does alone what later takes three. It
-- counts who was ever registered, so nobody can leave that state again by retiring people.
CREATE FUNCTION ceremonies_in_force() RETURNS BOOLEAN
LANGUAGE sql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT count(DISTINCT name_fold(person)) >= 3 FROM person_keys
$$;

CREATE FUNCTION require_setting_up(what TEXT) RETURNS VOID
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF ceremonies_in_force() THEN
        RAISE EXCEPTION 'CT-13: % takes a ceremony: people are registered, and one alone no longer decides it', what
            USING ERRCODE = 'AP005', CONSTRAINT = 'ceremony_needed';
    END IF;
END
$$;

-- Whom an event registers, and with which key; nulls where it registers nobody.
CREATE FUNCTION said_person(event_type TEXT, payload JSONB, OUT person TEXT, OUT public_key TEXT)
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog AS $$
    SELECT said ->> 'person', said ->> 'public_key'
    FROM (SELECT CASE event_type
        WHEN 'system.person_registered' THEN payload
        WHEN 'ceremony.add_person' THEN payload #> '{proposal,details}' END AS said) s
$$;

CREATE FUNCTION guard_person_keys() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF ceremony_opened_here('ceremony.add_person') IS NULL THEN
        PERFORM require_setting_up('registering a person');
    END IF;
    IF NOT EXISTS (
        SELECT FROM (
            SELECT e.event_id, e.event_type, e.payload FROM events e WHERE e.agent_id IS NULL
            UNION ALL
            SELECT u.event_id, u.event_type, u.payload FROM unwritten_records u) said
        WHERE said.event_id = NEW.event_id AND (NEW.person, NEW.public_key) = (said_person(said.event_type, said.payload))
    ) THEN
        RAISE EXCEPTION 'CT-13: % is not registered: no event says so', NEW.person
            USING ERRCODE = 'AP005', CONSTRAINT = 'unrecorded';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER guard_person_keys_before_insert
    BEFORE INSERT ON person_keys FOR EACH ROW EXECUTE FUNCTION guard_person_keys();
ALTER TABLE person_keys ENABLE ALWAYS TRIGGER guard_person_keys_before_insert;

-- Registers one of the first three people; the owner's alone to call. `event` is the event of this
-- transaction that says so. A halted ledger takes no event, but must not stay without people who
-- could clear it: then the record is kept until the halt is cleared.
CREATE FUNCTION register_first_person(new_person TEXT, new_public_key TEXT, event UUID, proof TEXT DEFAULT NULL) RETURNS BIGINT
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
REVOKE ALL ON FUNCTION register_first_person FROM PUBLIC;

-- --- Halt --------------------------------------------------------------------------------------

ALTER TABLE halt_state ADD COLUMN halted_by TEXT CHECK (is_name(halted_by)), ADD COLUMN cleared_by UUID,
    ADD CHECK (is_reason(reason));
COMMENT ON COLUMN halt_state.cleared_by IS 'The ceremony that cleared the last halt';

-- A text in the form of a reason or a name, of at most so many characters.
CREATE FUNCTION shown_text(given TEXT, most INTEGER) RETURNS TEXT
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN btrim(left(regexp_replace(regexp_replace(normalize(given, NFC), unseen_characters(), U&'\FFFD', 'g'), ' +', ' ', 'g'), most), ' ');

-- Stops every append, whoever calls. Under the append lock, so that what is written was written
-- before the halt; but a lock that does not come within half a second does not keep a halt waiting.
-- `witnessed` is the event of this transaction that says so in the chain; without it the record is
-- kept to be written when the halt is cleared. A halted ledger stays as it is: the first reason
-- stands. No wording keeps it from halting: what cannot be shown in it is replaced.
DROP FUNCTION halt_ledger(TEXT);
CREATE FUNCTION halt_ledger(why TEXT, who TEXT DEFAULT NULL, witnessed UUID DEFAULT NULL, unwitnessed_because TEXT DEFAULT NULL)
RETURNS TIMESTAMPTZ
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp SET lock_timeout = '500ms' AS $$
DECLARE
    since TIMESTAMPTZ;
BEGIN
    IF current_setting('synchronous_commit') NOT IN ('on', 'remote_apply') THEN
        PERFORM set_config('synchronous_commit', 'on', true);
    END IF;
    BEGIN
        PERFORM lock_ledger(500);
    EXCEPTION WHEN lock_not_available THEN
        NULL;
    END;
    why := shown_text(why, 2000);
    who := nullif(shown_text(who, 200), '');
    UPDATE halt_state SET halted = true, reason = why, halted_by = who, halted_at = clock_timestamp() WHERE NOT halted
    RETURNING halted_at INTO since;
    IF since IS NOT NULL AND NOT EXISTS (
        SELECT FROM events e WHERE e.event_id = witnessed AND e.event_type = 'system.halted' AND e.agent_id IS NULL
          AND e.payload = jsonb_strip_nulls(jsonb_build_object('reason', why, 'by', who))
          AND e.sequence = (SELECT a.last_sequence FROM appends a ORDER BY a.last_sequence DESC LIMIT 1)
          AND e.authority_timestamp >= transaction_timestamp()
    ) THEN
        INSERT INTO unwritten_records (event_type, payload, recorded_at)
        VALUES ('system.halted', jsonb_strip_nulls(jsonb_build_object(
            'reason', why, 'by', who, 'unwitnessed_because', shown_text(unwitnessed_because, 2000))), since);
    END IF;
    RETURN since;
END
$$;
REVOKE ALL ON FUNCTION halt_ledger FROM PUBLIC;

-- A record waits only for what this ledger halted for, or for a person who may still be registered.
CREATE FUNCTION guard_unwritten_records() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    halt halt_state%ROWTYPE;
BEGIN
    IF NEW.event_type = 'system.person_registered' THEN
        PERFORM require_setting_up('registering a person');
    END IF;
    SELECT * INTO halt FROM halt_state h WHERE h.halted;
    IF FOUND AND (CASE NEW.event_type
        WHEN 'system.halted' THEN
            records_halt(NEW.payload, NEW.recorded_at, halt)
            AND NOT EXISTS (SELECT FROM unwritten_records u WHERE u.event_type = NEW.event_type AND u.recorded_at = NEW.recorded_at)
        ELSE
            NEW.payload ?& ARRAY['person', 'public_key']
            AND NEW.payload - ARRAY['person', 'public_key', 'proof'] = '{}'
        END) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'CT-13: a record of % is refused: nothing calls for it', NEW.event_type
        USING ERRCODE = 'AP005', CONSTRAINT = 'uncalled_for';
END
$$;
CREATE FUNCTION records_halt(payload JSONB, recorded_at TIMESTAMPTZ, halt halt_state) RETURNS BOOLEAN
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog AS $$
    SELECT recorded_at = halt.halted_at AND payload - 'unwitnessed_because' =
        jsonb_strip_nulls(jsonb_build_object('reason', halt.reason, 'by', halt.halted_by))
$$;
CREATE TRIGGER guard_unwritten_records_before_insert
    BEFORE INSERT ON unwritten_records FOR EACH ROW EXECUTE FUNCTION guard_unwritten_records();
ALTER TABLE unwritten_records ENABLE ALWAYS TRIGGER guard_unwritten_records_before_insert;

-- What is written when the halt is cleared, as the events will be: the record of the present halt,
-- and of those of the first three people whom no event registered yet. The proposal to clear the
-- halt holds exactly this, so that people sign it; whatever else waits there is never written.
CREATE FUNCTION waiting_records() RETURNS JSONB
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    WITH waiting AS (
        SELECT u.* FROM unwritten_records u WHERE NOT EXISTS (SELECT FROM events e WHERE e.event_id = u.event_id)
    ), registered AS (
        SELECT count(*) AS people FROM events e WHERE e.event_type = 'system.person_registered' AND e.agent_id IS NULL
    ), called_for AS (
        SELECT w.* FROM waiting w JOIN halt_state h ON h.halted
        WHERE w.event_type = 'system.halted' AND records_halt(w.payload, w.recorded_at, h)
        UNION ALL
        (SELECT w.* FROM waiting w JOIN halt_state h ON h.halted
         JOIN person_keys k ON k.event_id = w.event_id AND (k.person, k.public_key) = (said_person(w.event_type, w.payload))
         WHERE w.event_type = 'system.person_registered' ORDER BY w.recorded_at, w.event_id
         LIMIT (SELECT greatest(3 - r.people, 0) FROM registered r))
    )
    SELECT coalesce(jsonb_agg(jsonb_build_object(
        'event_id', c.event_id, 'event_type', c.event_type, 'local_timestamp', canonical_time(c.recorded_at), 'payload', c.payload)
        ORDER BY c.recorded_at, c.event_id), '[]')
    FROM called_for c
$$;

-- Sticky: withdrawn only by the recorded ceremony that names this very halt.
CREATE OR REPLACE FUNCTION refuse_unhalt() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND NOT OLD.halted AND NEW.halted AND NEW.cleared_by IS NOT DISTINCT FROM OLD.cleared_by THEN
        RETURN NEW;
    END IF;
    IF TG_OP = 'UPDATE' AND OLD.halted AND NOT NEW.halted
       AND NEW.cleared_by = ceremony_opened_here('ceremony.clear_halt')
       AND EXISTS (SELECT FROM ceremonies r WHERE r.ceremony_id = NEW.cleared_by AND r.step = 'recorded')
       AND EXISTS (SELECT FROM ceremonies p WHERE p.ceremony_id = NEW.cleared_by AND p.step = 'proposed'
                   AND (p.content ->> 'proposal')::jsonb #>> '{details,halted_at}' = canonical_time(OLD.halted_at)) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'CT-11: % on halt_state is refused: a halt is sticky', TG_OP USING ERRCODE = 'AP004';
END
$$;

-- --- Ceremonies: steps -------------------------------------------------------------------------

CREATE UNIQUE INDEX ceremonies_one_proposal ON ceremonies (ceremony_id) WHERE step = 'proposed';
CREATE UNIQUE INDEX ceremonies_one_record ON ceremonies (ceremony_id) WHERE step = 'recorded';

-- The proposal is kept as the text that was signed; its hash ties each later voice to it.
CREATE FUNCTION proposal_hash(content JSONB) RETURNS TEXT
LANGUAGE sql IMMUTABLE
RETURN encode(sha256(convert_to(content ->> 'proposal', 'UTF8')), 'hex');

CREATE FUNCTION refuse_ceremony(failed TEXT, message TEXT) RETURNS VOID
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    RAISE EXCEPTION 'CT-13: %', message USING ERRCODE = 'AP005', CONSTRAINT = failed;
END
$$;

CREATE FUNCTION expired_since(proposed_at TIMESTAMPTZ) RETURNS TEXT
LANGUAGE sql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT format('the proposal expired at %s; propose it anew', canonical_time(proposal_expires(proposed_at)))
$$;

-- One step of a ceremony, whoever writes it, the owner too. Steps of one ceremony are taken one
-- after the other: nothing is decided on what is not committed.
CREATE FUNCTION check_ceremony_step() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    proposed ceremonies%ROWTYPE;
    proposal JSONB;
BEGIN
    PERFORM FROM ceremonies c WHERE c.ceremony_id = NEW.ceremony_id AND c.step = 'proposed' FOR UPDATE;
    NEW.recorded_at := clock_timestamp();
    SELECT * INTO proposed FROM ceremonies c WHERE c.ceremony_id = NEW.ceremony_id AND c.step = 'proposed';
    IF NEW.step = 'proposed' THEN
        proposal := (NEW.content ->> 'proposal')::jsonb;
        IF FOUND OR proposal ->> 'ceremony_id' IS DISTINCT FROM NEW.ceremony_id::text
           OR proposal ->> 'kind' IS DISTINCT FROM NEW.kind OR NOT coalesce(is_reason(proposal ->> 'reason'), false) THEN
            PERFORM refuse_ceremony('proposal', 'a proposal names its own new ceremony, its kind and a reason');
        ELSIF NEW.content ->> 'proposal' ~ unseen_characters()
           OR replace(NEW.content ->> 'proposal', '\\', '') ~ '\\[bfnrtu]' THEN
            PERFORM refuse_ceremony('proposal', 'a proposal is text that can be shown as it is');
        END IF;
        PERFORM check_ceremony_details(NEW.kind, proposal -> 'details');
    ELSIF proposed.id IS NULL THEN
        PERFORM refuse_ceremony('unknown', format('there is no ceremony %s', NEW.ceremony_id));
    ELSIF NEW.kind <> proposed.kind THEN
        PERFORM refuse_ceremony('kind', format('ceremony %s is a %s', NEW.ceremony_id, proposed.kind));
    ELSIF EXISTS (SELECT FROM ceremonies r WHERE r.ceremony_id = NEW.ceremony_id AND r.step = 'recorded') THEN
        PERFORM refuse_ceremony('recorded', format('ceremony %s is recorded; nothing is added to it', NEW.ceremony_id));
    ELSIF NEW.step = 'recorded' THEN
        IF ceremony_opened_here() IS DISTINCT FROM NEW.ceremony_id THEN
            PERFORM refuse_ceremony('recorded', 'a ceremony is recorded by the event that records it');
        END IF;
    ELSIF clock_timestamp() >= proposal_expires(proposed.recorded_at) THEN
        PERFORM refuse_ceremony('expired', expired_since(proposed.recorded_at));
    ELSIF NEW.content ->> 'proposal_hash' IS DISTINCT FROM proposal_hash(proposed.content) THEN
        PERFORM refuse_ceremony('content', 'what is voted on is not what was proposed');
    ELSIF name_fold(NEW.person) = name_fold(proposed.person) THEN
        PERFORM refuse_ceremony('own_proposal', format('%s proposed it, and nobody votes on their own proposal', NEW.person));
    ELSIF EXISTS (SELECT FROM ceremonies v WHERE v.ceremony_id = NEW.ceremony_id AND name_fold(v.person) = name_fold(NEW.person)
                  AND v.step IN ('approved', 'rejected')) THEN
        PERFORM refuse_ceremony('voted', format('%s has voted on it already', NEW.person));
    END IF;
    IF NEW.step <> 'recorded' THEN
        IF NOT EXISTS (SELECT FROM person_keys k WHERE k.person = NEW.person AND k.until_sequence IS NULL
                       AND k.public_key = NEW.content ->> 'public_key') THEN
            PERFORM refuse_ceremony('person', format('%s has no such active key', NEW.person));
        END IF;
        IF coalesce(NEW.content ->> 'signature', '') !~ '^[A-Za-z0-9+/]{86}==$' THEN
            PERFORM refuse_ceremony('signature', 'the signature is not base64 of 64 bytes');
        END IF;
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER check_ceremony_step_before_insert
    BEFORE INSERT ON ceremonies FOR EACH ROW EXECUTE FUNCTION check_ceremony_step();
ALTER TABLE ceremonies ENABLE ALWAYS TRIGGER check_ceremony_step_before_insert;

-- What a kind of ceremony may say. It is asked when it is proposed, and again when it is recorded:
-- what was approved must still be the case.
CREATE FUNCTION check_ceremony_details(kind TEXT, details JSONB) RETURNS VOID
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    wanted TEXT[] := CASE kind
        WHEN 'ceremony.clear_halt' THEN ARRAY['halted_at', 'halt_reason', 'unwritten']
        WHEN 'ceremony.sequence_skip' THEN ARRAY['first', 'last']
        WHEN 'ceremony.erase_payload' THEN ARRAY['event_id', 'payload_hash', 'sequence']
        WHEN 'ceremony.rotate_key' THEN ARRAY['new_key', 'new_public_key', 'old_key']
        WHEN 'ceremony.retire_key' THEN ARRAY['old_key']
        WHEN 'ceremony.drift_threshold' THEN ARRAY['seconds']
        WHEN 'ceremony.add_person' THEN ARRAY['person', 'proof', 'public_key']
        WHEN 'ceremony.retire_person' THEN ARRAY['person']
    END;
    named RECORD;
BEGIN
    IF wanted IS NULL THEN
        PERFORM refuse_ceremony('kind', format('there is no ceremony of the kind %s', kind));
    END IF;
    -- Said where it is so, and never as true: the portal hashes the payload, SQL cannot.
    IF kind = 'ceremony.erase_payload' AND details -> 'payload_matched' = 'false' THEN
        details := details - 'payload_matched';
    END IF;
    IF jsonb_typeof(details) IS DISTINCT FROM 'object'
       OR NOT (details ?& wanted AND (SELECT count(*) FROM jsonb_object_keys(details)) = cardinality(wanted)) THEN
        PERFORM refuse_ceremony('details', format('a %s says exactly %s', kind, array_to_string(wanted, ', ')));
    END IF;
    CASE kind
    WHEN 'ceremony.clear_halt' THEN
        SELECT canonical_time(h.halted_at) AS halted_at, h.reason INTO named FROM halt_state h WHERE h.halted;
        IF NOT FOUND OR details ->> 'halted_at' IS DISTINCT FROM named.halted_at
           OR details ->> 'halt_reason' IS DISTINCT FROM named.reason THEN
            PERFORM refuse_ceremony('details', 'that is not the halt that the ledger is in');
        ELSIF details -> 'unwritten' IS DISTINCT FROM waiting_records() THEN
            PERFORM refuse_ceremony('details', 'other records wait to be written than it says; propose it anew');
        END IF;
    WHEN 'ceremony.sequence_skip' THEN
        PERFORM check_skipped_range(details -> 'first', details -> 'last');
    WHEN 'ceremony.erase_payload' THEN
        SELECT e.agent_id, e.payload_salt, e.payload_hash, e.event_id::text AS event_id INTO named
            FROM events e WHERE to_jsonb(e.sequence) = details -> 'sequence'
                AND e.sequence = CASE WHEN jsonb_typeof(details -> 'sequence') = 'number'
                                 THEN trunc((details -> 'sequence')::numeric)::bigint END;
        IF NOT FOUND OR details ->> 'event_id' IS DISTINCT FROM named.event_id
           OR details ->> 'payload_hash' IS DISTINCT FROM named.payload_hash THEN
            PERFORM refuse_ceremony('details', 'there is no such event at this place, of this id and payload_hash');
        ELSIF named.agent_id IS NULL THEN
            PERFORM refuse_ceremony('details', 'what the system itself recorded is not erased');
        ELSIF named.payload_salt = repeat('0', 64) THEN
            PERFORM refuse_ceremony('details', 'the payload is erased already');
        END IF;
    WHEN 'ceremony.rotate_key', 'ceremony.retire_key' THEN
        PERFORM check_key_change(details ->> 'old_key', details ->> 'new_key', details ->> 'new_public_key');
    WHEN 'ceremony.drift_threshold' THEN
        IF NOT details ->> 'seconds' ~ '^[0-9]{1,12}(\.[0-9]{1,6})?$' OR (details ->> 'seconds')::numeric <= 0 THEN
            PERFORM refuse_ceremony('details', 'seconds is a positive decimal number, written as a string');
        END IF;
    WHEN 'ceremony.add_person' THEN
        IF EXISTS (SELECT FROM person_keys k WHERE name_fold(k.person) = name_fold(details ->> 'person') AND k.until_sequence IS NULL
                   OR k.public_key = details ->> 'public_key')
           OR details ->> 'public_key' !~ '^[A-Za-z0-9+/]{43}=$' OR coalesce(details ->> 'proof', '') !~ '^[A-Za-z0-9+/]{86}==$'
           OR NOT coalesce(is_name(details ->> 'person'), false) THEN
            PERFORM refuse_ceremony('details', 'the person or the key is registered already, or is none');
        END IF;
    WHEN 'ceremony.retire_person' THEN
        IF NOT EXISTS (SELECT FROM person_keys k WHERE k.person = details ->> 'person' AND k.until_sequence IS NULL) THEN
            PERFORM refuse_ceremony('details', 'there is no such person');
        ELSIF (SELECT count(*) FROM person_keys k WHERE k.until_sequence IS NULL) <= 3 THEN
            PERFORM refuse_ceremony('details', 'three people must remain, or no ceremony could be held; add one first');
        END IF;
    END CASE;
END
$$;

-- A range is what is missing, exactly: a whole gap; the tail that the head remembers and the
-- events lack; or the numbers that come next, which are then never given to an event.
CREATE FUNCTION check_skipped_range(first JSONB, last JSONB) RETURNS VOID
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    low NUMERIC := CASE WHEN jsonb_typeof(first) = 'number' THEN first::numeric END;
    high NUMERIC := CASE WHEN jsonb_typeof(last) = 'number' THEN last::numeric END;
    head BIGINT := coalesce((SELECT a.last_sequence FROM appends a ORDER BY a.last_sequence DESC LIMIT 1), 0);
    tail BIGINT := coalesce((SELECT e.sequence FROM events e ORDER BY e.sequence DESC LIMIT 1), 0);
BEGIN
    IF low IS NULL OR high IS NULL OR low <> trunc(low) OR high <> trunc(high)
       OR low < 1 OR high < low OR high >= 9007199254740991 THEN
        PERFORM refuse_ceremony('details', 'first and last are the ends of a range of sequence numbers');
    ELSIF low = head + 1 THEN
        IF head = 0 THEN
            PERFORM refuse_ceremony('details', 'the ledger is empty: its first event is number 1');
        ELSIF tail <> head THEN
            PERFORM refuse_ceremony('details', format('the events end at %s, the head says %s: document that first', tail, head));
        END IF;
    ELSIF high > head THEN
        PERFORM refuse_ceremony('details', format('the head is %s: numbers are skipped from %s on', head, head + 1));
    ELSIF EXISTS (SELECT FROM events e WHERE e.sequence BETWEEN low::bigint AND high::bigint) THEN
        PERFORM refuse_ceremony('details', 'not all of these numbers are missing');
    ELSIF low > 1 AND NOT EXISTS (SELECT FROM events e WHERE e.sequence = low::bigint - 1)
       OR high < head AND NOT EXISTS (SELECT FROM events e WHERE e.sequence = high::bigint + 1) THEN
        PERFORM refuse_ceremony('details', 'the gap is larger than this; a ceremony names the whole of it');
    END IF;
    IF EXISTS (SELECT FROM ceremonies r JOIN ceremonies p USING (ceremony_id)
               WHERE r.step = 'recorded' AND r.kind = 'ceremony.sequence_skip' AND p.step = 'proposed'
                 AND (p.content ->> 'proposal')::jsonb -> 'details' = jsonb_build_object('first', first, 'last', last)) THEN
        PERFORM refuse_ceremony('details', 'a ceremony has documented this range already');
    END IF;
END
$$;

-- Names starting with WITNESS: are witnesses, all others are agents' keys. A witness is replaced by
-- a witness, an agent's key by a key of the same agent; a retired key can be given a successor.
CREATE FUNCTION check_key_change(old TEXT, new TEXT, new_public_key TEXT) RETURNS VOID
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    is_witness CONSTANT BOOLEAN := starts_with(old, 'WITNESS:');
    known RECORD;
BEGIN
    IF is_witness THEN
        SELECT w.until_sequence, NULL::text AS agent_id INTO known FROM witnesses w WHERE w.witness_id = old;
    ELSE
        SELECT k.until_sequence, k.agent_id INTO known FROM agent_keys k WHERE k.key_id = old;
    END IF;
    IF NOT FOUND OR known.until_sequence IS NOT NULL AND (new IS NULL OR is_witness) THEN
        PERFORM refuse_ceremony('details', format('there is no active key %s', old));
    ELSIF new IS NOT NULL AND (
        starts_with(new, 'WITNESS:') <> is_witness OR new !~ '^(WITNESS:)?[A-Za-z0-9][A-Za-z0-9._-]{0,180}$'
        OR new_public_key !~ '^[A-Za-z0-9+/]{43}=$'
        OR EXISTS (SELECT FROM agent_keys k WHERE k.key_id = new OR k.public_key = new_public_key)
        OR EXISTS (SELECT FROM witnesses w WHERE w.witness_id = new OR w.public_key = new_public_key)) THEN
        PERFORM refuse_ceremony('details', format('%s cannot follow %s: the name or the key is taken, or of another sort', new, old));
    ELSIF new IS NOT NULL AND NOT is_witness AND EXISTS (
        SELECT FROM agent_keys k WHERE k.agent_id IS NOT DISTINCT FROM known.agent_id AND k.key_id <> old AND k.until_sequence IS NULL) THEN
        PERFORM refuse_ceremony('details', format('the agent of %s signs with another key', old));
    ELSIF new IS NULL AND is_witness AND (SELECT count(*) FROM witnesses w WHERE w.until_sequence IS NULL) < 2 THEN
        PERFORM refuse_ceremony('details', 'it is the last witness; rotate it, or nothing could be written any more');
    ELSIF new IS NULL AND NOT is_witness AND known.agent_id IS NULL THEN
        PERFORM refuse_ceremony('details', 'it is the system''s key; rotate it, or no ceremony could be recorded any more');
    END IF;
END
$$;

-- --- Ceremonies: the decision ------------------------------------------------------------------

-- The voices that count: of people whose key is still active.
CREATE VIEW ceremony_voices AS
SELECT c.id, c.ceremony_id, c.step, jsonb_build_object(
           'at', canonical_time(c.recorded_at), 'person', c.person,
           'public_key', c.content ->> 'public_key', 'signature', c.content ->> 'signature') AS voice
FROM ceremonies c JOIN person_keys k ON k.public_key = c.content ->> 'public_key' AND k.until_sequence IS NULL
WHERE c.step IN ('proposed', 'approved', 'rejected');
COMMENT ON VIEW ceremony_voices IS 'Proposals and votes of people whose key is active';

-- Two people besides the proposer, and more for it than against it.
CREATE FUNCTION ceremony_is_approved(ceremony UUID) RETURNS BOOLEAN
LANGUAGE sql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT count(*) FILTER (WHERE v.step = 'proposed') = 1
       AND count(*) FILTER (WHERE v.step = 'approved') >= 2
       AND count(*) FILTER (WHERE v.step = 'approved') > count(*) FILTER (WHERE v.step = 'rejected')
    FROM ceremony_voices v WHERE v.ceremony_id = ceremony
$$;

-- What the chain records of it: the proposal, who made it, who approved, who did not, each with
-- key and signature, so that an outsider can verify all of it.
CREATE FUNCTION ceremony_payload(ceremony UUID) RETURNS JSONB
LANGUAGE sql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT jsonb_build_object(
        'ceremony_id', p.ceremony_id,
        'proposal', (p.content ->> 'proposal')::jsonb,
        'proposed_by', (SELECT v.voice FROM ceremony_voices v WHERE v.ceremony_id = ceremony AND v.step = 'proposed'),
        'approvals', (SELECT jsonb_agg(v.voice ORDER BY v.id) FROM ceremony_voices v WHERE v.ceremony_id = ceremony AND v.step = 'approved'),
        'rejections', coalesce(
            (SELECT jsonb_agg(v.voice ORDER BY v.id) FROM ceremony_voices v WHERE v.ceremony_id = ceremony AND v.step = 'rejected'), '[]'))
        || CASE p.kind WHEN 'ceremony.sequence_skip' THEN (p.content ->> 'proposal')::jsonb -> 'details' ELSE '{}' END
    FROM ceremonies p WHERE p.ceremony_id = ceremony AND p.step = 'proposed'
$$;

-- Begins to record a ceremony: from here to the end of the transaction, halted or not, its events
-- are taken. What is skipped is skipped here, so that the recording event is the one that follows.
CREATE FUNCTION open_ceremony(ceremony UUID, OUT kind TEXT, OUT payload TEXT)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    details JSONB;
    proposed_at TIMESTAMPTZ;
    head appends%ROWTYPE;
BEGIN
    PERFORM FROM ceremonies p WHERE p.ceremony_id = ceremony AND p.step = 'proposed' FOR UPDATE;
    PERFORM lock_ledger();
    SELECT p.kind, (p.content ->> 'proposal')::jsonb -> 'details', p.recorded_at INTO open_ceremony.kind, details, proposed_at
        FROM ceremonies p WHERE p.ceremony_id = ceremony AND p.step = 'proposed';
    IF NOT FOUND THEN
        PERFORM refuse_ceremony('unknown', format('there is no ceremony %s', ceremony));
    ELSIF EXISTS (SELECT FROM ceremonies r WHERE r.ceremony_id = ceremony AND r.step = 'recorded') THEN
        PERFORM refuse_ceremony('recorded', format('ceremony %s is recorded already', ceremony));
    ELSIF clock_timestamp() >= proposal_expires(proposed_at) THEN
        PERFORM refuse_ceremony('expired', expired_since(proposed_at));
    ELSIF NOT ceremony_is_approved(ceremony) THEN
        PERFORM refuse_ceremony('approvals', 'two people besides the proposer must approve it, and more approve than reject');
    END IF;
    PERFORM check_ceremony_details(open_ceremony.kind, details);
    INSERT INTO ceremony_openings (ceremony_id) VALUES (ceremony);
    IF open_ceremony.kind = 'ceremony.sequence_skip' THEN
        SELECT * INTO head FROM appends a ORDER BY a.last_sequence DESC LIMIT 1;
        IF (details -> 'first')::bigint = head.last_sequence + 1 THEN
            INSERT INTO appends (last_sequence, first_sequence, content_hash, authority_timestamp, event_count)
            VALUES ((details -> 'last')::bigint, (details -> 'first')::bigint, head.content_hash, clock_timestamp(), head.event_count);
        END IF;
    END IF;
    payload := ceremony_payload(ceremony)::text;
END
$$;
REVOKE ALL ON FUNCTION open_ceremony FROM PUBLIC;

-- An opening is of its own transaction, and that transaction records the ceremony or comes to nothing.
CREATE FUNCTION mark_ceremony_opening() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    NEW.transaction := pg_current_xact_id()::text;
    RETURN NEW;
END
$$;
CREATE FUNCTION require_ceremony_event() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM ceremonies p JOIN events e ON e.event_type = p.kind AND e.agent_id IS NULL
                   WHERE p.ceremony_id = NEW.ceremony_id AND p.step = 'proposed'
                     AND e.payload ->> 'ceremony_id' = NEW.ceremony_id::text) THEN
        PERFORM refuse_ceremony('unrecorded', format('ceremony %s was opened and not recorded', NEW.ceremony_id));
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER mark_ceremony_opening_before_insert
    BEFORE INSERT ON ceremony_openings FOR EACH ROW EXECUTE FUNCTION mark_ceremony_opening();
CREATE CONSTRAINT TRIGGER require_ceremony_event_at_commit
    AFTER INSERT ON ceremony_openings DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION require_ceremony_event();
ALTER TABLE ceremony_openings ENABLE ALWAYS TRIGGER mark_ceremony_opening_before_insert;
ALTER TABLE ceremony_openings ENABLE ALWAYS TRIGGER require_ceremony_event_at_commit;

-- An event of a ceremony is the record of one, or is refused; and it has the ceremony's effect, in
-- its own transaction. At the end of that transaction, because a key that signs the record may be
-- the one that it retires. Other events pay one comparison.
CREATE FUNCTION carry_out_ceremony() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    ceremony CONSTANT UUID := ceremony_opened_here(NEW.event_type);
    details JSONB;
    head appends%ROWTYPE;
BEGIN
    IF ceremony IS NULL OR NEW.agent_id IS NOT NULL OR NEW.payload IS DISTINCT FROM ceremony_payload(ceremony) THEN
        PERFORM refuse_ceremony('event', format('the event %s is refused: it is not the record of an approved ceremony', NEW.event_type));
    END IF;
    INSERT INTO ceremonies (ceremony_id, kind, step, person, content, event_id)
    VALUES (ceremony, NEW.event_type, 'recorded', 'the system', jsonb_build_object('sequence', NEW.sequence), NEW.event_id);
    details := NEW.payload #> '{proposal,details}';
    SELECT * INTO head FROM appends a ORDER BY a.last_sequence DESC LIMIT 1;
    CASE NEW.event_type
    WHEN 'ceremony.clear_halt' THEN
        IF EXISTS (
            SELECT FROM jsonb_array_elements(details -> 'unwritten') u WHERE NOT EXISTS (
                SELECT FROM events e WHERE e.event_id = (u ->> 'event_id')::uuid AND e.event_type = u ->> 'event_type' AND e.agent_id IS NULL
                  AND canonical_time(e.local_timestamp) = u ->> 'local_timestamp' AND e.payload = u -> 'payload')) THEN
            PERFORM refuse_ceremony('unwritten', 'the records that it names are written before a halt is cleared');
        END IF;
        UPDATE halt_state SET halted = false, reason = NULL, halted_by = NULL, halted_at = NULL, cleared_by = ceremony;
    WHEN 'ceremony.sequence_skip' THEN
        NULL;
    WHEN 'ceremony.erase_payload' THEN
        UPDATE events SET payload = erasure_marker(ceremony, NEW.sequence), payload_salt = repeat('0', 64)
        WHERE event_id = (details ->> 'event_id')::uuid;
    WHEN 'ceremony.rotate_key', 'ceremony.retire_key' THEN
        PERFORM change_key(details ->> 'old_key', details ->> 'new_key', details ->> 'new_public_key', head);
    WHEN 'ceremony.drift_threshold' THEN
        UPDATE ledger_config SET drift_threshold_seconds = (details ->> 'seconds')::numeric;
    WHEN 'ceremony.add_person' THEN
        INSERT INTO person_keys (public_key, person, event_id, active_from, from_sequence)
        VALUES (details ->> 'public_key', details ->> 'person', NEW.event_id, head.authority_timestamp, head.last_sequence + 1);
    WHEN 'ceremony.retire_person' THEN
        UPDATE person_keys SET active_until = head.authority_timestamp, until_sequence = head.last_sequence
        WHERE person = details ->> 'person' AND until_sequence IS NULL;
    END CASE;
    RETURN NULL;
END
$$;
REVOKE ALL ON FUNCTION carry_out_ceremony FROM PUBLIC;
CREATE CONSTRAINT TRIGGER carry_out_ceremony_at_commit
    AFTER INSERT ON events DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (starts_with(NEW.event_type, 'ceremony.')) EXECUTE FUNCTION carry_out_ceremony();
ALTER TABLE events ENABLE ALWAYS TRIGGER carry_out_ceremony_at_commit;

CREATE FUNCTION change_key(old TEXT, new TEXT, new_public_key TEXT, head appends) RETURNS VOID
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF starts_with(old, 'WITNESS:') THEN
        UPDATE witnesses SET active_until = head.authority_timestamp, until_sequence = head.last_sequence
            WHERE witness_id = old AND until_sequence IS NULL;
        INSERT INTO witnesses (witness_id, public_key, active_from, from_sequence)
            SELECT new, new_public_key, head.authority_timestamp, head.last_sequence + 1 WHERE new IS NOT NULL;
    ELSE
        UPDATE agent_keys SET active_until = head.authority_timestamp, until_sequence = head.last_sequence
            WHERE key_id = old AND until_sequence IS NULL;
        INSERT INTO agent_keys (key_id, agent_id, public_key, active_from, from_sequence)
            SELECT new, k.agent_id, new_public_key, head.authority_timestamp, head.last_sequence + 1
            FROM agent_keys k WHERE k.key_id = old AND new IS NOT NULL;
    END IF;
END
$$;
REVOKE ALL ON FUNCTION change_key FROM PUBLIC;

-- --- Erasure: the one change of an event -------------------------------------------------------

-- What stands in the place of an erased payload; its salt is 64 zeros.
CREATE FUNCTION erasure_marker(ceremony_id UUID, ceremony_sequence BIGINT) RETURNS JSONB
LANGUAGE sql IMMUTABLE
RETURN jsonb_build_object('erased', jsonb_build_object('ceremony_id', ceremony_id, 'ceremony_sequence', ceremony_sequence));

CREATE FUNCTION refuse_change_but_erasure() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF TG_LEVEL = 'STATEMENT' AND ceremony_opened_here('ceremony.erase_payload') IS NOT NULL THEN
        RETURN NULL;
    END IF;
    IF TG_LEVEL = 'ROW'
       AND to_jsonb(OLD) - 'payload' - 'payload_salt' = to_jsonb(NEW) - 'payload' - 'payload_salt'
       AND NEW.payload_salt = repeat('0', 64)
       AND EXISTS (SELECT FROM ceremonies r JOIN events c ON c.event_id = r.event_id
                   WHERE r.ceremony_id = ceremony_opened_here('ceremony.erase_payload') AND r.step = 'recorded'
                     AND c.payload #>> '{proposal,details,event_id}' = OLD.event_id::text
                     AND NEW.payload = erasure_marker(r.ceremony_id, c.sequence)) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'FR7: % on % is refused: the table is append-only', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'AP004';
END
$$;
DROP TRIGGER refuse_change_of_events ON events;
CREATE TRIGGER refuse_change_of_events
    BEFORE UPDATE ON events FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_but_erasure();
CREATE TRIGGER refuse_change_of_event
    BEFORE UPDATE ON events FOR EACH ROW EXECUTE FUNCTION refuse_change_but_erasure();
CREATE TRIGGER refuse_removal_of_events
    BEFORE DELETE OR TRUNCATE ON events FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE events ENABLE ALWAYS TRIGGER refuse_change_of_events;
ALTER TABLE events ENABLE ALWAYS TRIGGER refuse_change_of_event;
ALTER TABLE events ENABLE ALWAYS TRIGGER refuse_removal_of_events;

-- --- What one alone could do until now ---------------------------------------------------------

CREATE OR REPLACE FUNCTION register_agent_key(new_key_id TEXT, new_agent_id TEXT, new_public_key TEXT) RETURNS BIGINT
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
CREATE OR REPLACE FUNCTION retire_agent_key(old_key_id TEXT) RETURNS BIGINT
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
CREATE OR REPLACE FUNCTION retire_witness(old_witness_id TEXT) RETURNS BIGINT
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
CREATE OR REPLACE FUNCTION set_drift_threshold(seconds NUMERIC) RETURNS NUMERIC
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    PERFORM lock_ledger(); -- which events were compared with it is exact
    PERFORM require_setting_up('changing the drift threshold');
    UPDATE ledger_config SET drift_threshold_seconds = seconds, operator_threshold_seconds = seconds,
        operator_threshold_from = coalesce((SELECT max(a.last_sequence) FROM appends a), 0)
    RETURNING drift_threshold_seconds INTO seconds;
    RETURN CASE WHEN FOUND THEN seconds END;
END
$$;

-- --- The append protocol, with the two things that a ceremony is let to do ------------------------

-- As before, but for a transaction that records a ceremony: it appends to a halted ledger, and it
-- appends after a tail that is lost, if it is the ceremony that says so. Both are looked at only
-- where the append would be refused, so no other append pays for them.
-- A transaction reads the clock once, at its first opening, and keeps the reading for check_append. NULL
-- is guard_append's: without an opening before, any reading since the transaction began is taken.
CREATE OR REPLACE FUNCTION open_append(
    patience_ms INTEGER DEFAULT 5000, OUT last_sequence BIGINT, OUT content_hash TEXT, OUT event_count BIGINT, OUT authority_timestamp TIMESTAMPTZ
)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    state RECORD;
    opened_here BOOLEAN;
    kept BIGINT;
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'FR7: an append is READ COMMITTED, and this transaction is %: behind the lock it would not see the head',
            upper(current_setting('transaction_isolation')) USING ERRCODE = 'AP003', CONSTRAINT = 'isolation';
    END IF;
    PERFORM lock_ledger(coalesce(patience_ms, 5000));
    opened_here := pg_sequence_last_value('public.append_opened_by') = pg_current_xact_id_if_assigned()::text::bigint;

    SELECT halt.halted, halt.reason, head.last_sequence, head.content_hash, head.event_count,
           tail.sequence AS tail_sequence, tail.content_hash AS tail_hash,
           CASE WHEN drawn.is_called THEN drawn.last_value ELSE 0 END AS drawn
        INTO state
        FROM events_sequence_seq drawn
        LEFT JOIN halt_state halt ON true
        LEFT JOIN LATERAL (SELECT a.last_sequence, a.content_hash, a.event_count
                           FROM appends a ORDER BY a.last_sequence DESC LIMIT 1) head ON true
        LEFT JOIN LATERAL (SELECT e.sequence, e.content_hash
                           FROM events e ORDER BY e.sequence DESC LIMIT 1) tail ON true
        ORDER BY halt.halted DESC NULLS LAST LIMIT 1;
    IF state.halted AND ceremony_opened_here() IS NULL THEN
        RAISE EXCEPTION 'CT-11: the ledger is halted: %', state.reason USING ERRCODE = 'AP001';
    END IF;
    IF state.halted IS NULL THEN
        RAISE EXCEPTION 'CT-11: the halt state is gone; nothing is appended without it' USING ERRCODE = 'AP001';
    END IF;

    last_sequence := coalesce(state.last_sequence, 0);
    content_hash := coalesce(state.content_hash, repeat('0', 64));
    event_count := coalesce(state.event_count, 0);
    IF (coalesce(state.tail_sequence, 0) <> last_sequence OR coalesce(state.tail_hash, repeat('0', 64)) <> content_hash)
       AND NOT ceremony_skips(coalesce(state.tail_sequence, 0) + 1, last_sequence) THEN
        RAISE EXCEPTION 'CT-13: events end at % (%), the head says % (%)',
            coalesce(state.tail_sequence, 0), coalesce(state.tail_hash, 'nothing'), last_sequence, content_hash
            USING ERRCODE = 'AP002';
    END IF;
    IF state.drawn <> last_sequence THEN
        PERFORM setval('events_sequence_seq', greatest(last_sequence, 1), last_sequence > 0);
    END IF;
    IF opened_here THEN
        authority_timestamp := timestamptz 'epoch' + pg_sequence_last_value('public.append_opened_at') * interval '1 microsecond';
    ELSE
        authority_timestamp := clock_timestamp();
        kept := setval('public.append_opened_at', (extract(epoch FROM
            CASE WHEN patience_ms IS NULL THEN least(authority_timestamp, transaction_timestamp()) ELSE authority_timestamp END
            ) * 1000000)::bigint);
        kept := setval('public.append_opened_by', pg_current_xact_id()::text::bigint);
    END IF;
END
$$;

-- Whether the ceremony that this transaction records names exactly these numbers.
CREATE FUNCTION ceremony_skips(first BIGINT, last BIGINT) RETURNS BOOLEAN
LANGUAGE sql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT EXISTS (
        SELECT FROM ceremonies p WHERE p.ceremony_id = ceremony_opened_here('ceremony.sequence_skip') AND p.step = 'proposed'
          AND (p.content ->> 'proposal')::jsonb -> 'details' = jsonb_build_object('first', first, 'last', last))
$$;
REVOKE ALL ON FUNCTION ceremony_opened_here, ceremonies_in_force, require_setting_up, guard_person_keys, canonical_time,
    proposal_hash, refuse_ceremony, check_ceremony_step, check_ceremony_details, check_skipped_range, check_key_change,
    ceremony_is_approved, ceremony_payload, mark_ceremony_opening, require_ceremony_event, erasure_marker,
    ceremony_skips, said_person, guard_unwritten_records, records_halt, waiting_records, proposal_expires, expired_since,
    shown_text FROM PUBLIC;
