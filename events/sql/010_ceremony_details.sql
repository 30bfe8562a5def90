-- The kinds of ceremonies, and the details that a proposal of each kind must have.

-- Checks the details of a proposal when it is proposed, and again when it is recorded: what was approved
-- must still hold then.
CREATE FUNCTION check_ceremony_details(kind TEXT, details JSONB) RETURNS VOID
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    wanted TEXT[] := CASE kind
        WHEN 'ceremony.clear_halt' THEN ARRAY['halted_at', 'halt_reason', 'unwritten']
        WHEN 'ceremony.sequence_skip' THEN ARRAY['first', 'last']
        WHEN 'ceremony.erase_payload' THEN ARRAY['event_id', 'payload_hash', 'sequence']
        WHEN 'ceremony.rotate_key' THEN ARRAY['new_key', 'new_public_key', 'old_key', 'proof']
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
    -- Present only as false: the portal found that the payload does not match its hash, which SQL cannot check.
    IF kind = 'ceremony.erase_payload' AND details -> 'payload_matched' = 'false' THEN
        details := details - 'payload_matched';
    END IF;
    IF jsonb_typeof(details) IS DISTINCT FROM 'object'
       OR NOT (details ?& wanted AND (SELECT count(*) FROM jsonb_object_keys(details)) = cardinality(wanted)) THEN
        PERFORM refuse_ceremony('details', format('a %s says exactly %s', kind, array_to_string(wanted, ', ')));
    ELSIF EXISTS (SELECT FROM jsonb_each(details) d WHERE jsonb_typeof(d.value) <> CASE
                      WHEN d.key IN ('first', 'last', 'sequence') THEN 'number'
                      WHEN d.key = 'unwritten' THEN 'array' ELSE 'string' END) THEN
        PERFORM refuse_ceremony('details', 'a detail has the wrong type');
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
        PERFORM check_key_change(details ->> 'old_key', details ->> 'new_key', details ->> 'new_public_key', details ->> 'proof');
    WHEN 'ceremony.drift_threshold' THEN
        IF NOT details ->> 'seconds' ~ '^[0-9]{1,12}([.][0-9]{1,6})?$' OR (details ->> 'seconds')::numeric <= 0 THEN
            PERFORM refuse_ceremony('details', 'seconds is a positive decimal number, written as a string');
        END IF;
    WHEN 'ceremony.add_person' THEN
        IF EXISTS (SELECT FROM person_keys k
                   WHERE name_fold(k.person) = name_fold(details ->> 'person') AND k.until_sequence IS NULL
                   OR k.public_key = details ->> 'public_key')
           OR details ->> 'public_key' !~ '^[A-Za-z0-9+/]{43}=$'
           OR NOT coalesce(is_name(details ->> 'person'), false) THEN
            PERFORM refuse_ceremony('details', 'the person or the key is registered already, or is none');
        ELSIF NOT proves_possession(details ->> 'person', details ->> 'public_key', details ->> 'proof') THEN
            PERFORM refuse_ceremony('proof', format('the proof is not a signature by the key of %s', details ->> 'person'));
        END IF;
    WHEN 'ceremony.retire_person' THEN
        IF NOT EXISTS (SELECT FROM person_keys k
                       WHERE k.person = details ->> 'person' AND k.until_sequence IS NULL) THEN
            PERFORM refuse_ceremony('details', 'there is no such person');
        ELSIF (SELECT count(*) FROM person_keys k WHERE k.until_sequence IS NULL) <= 3 THEN
            PERFORM refuse_ceremony('details', 'three people must remain, or no ceremony could be held; add one first');
        END IF;
    END CASE;
END
$$;

-- Checks that a range of skipped numbers is exactly what is missing: a whole gap; the tail that the head
-- has and the events lack; or the numbers that come next, which no event will ever have.
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
            PERFORM refuse_ceremony('details',
                format('the events end at %s, the head says %s: document that first', tail, head));
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
                 AND (p.content ->> 'proposal')::jsonb -> 'details'
                     = jsonb_build_object('first', first, 'last', last)) THEN
        PERFORM refuse_ceremony('details', 'a ceremony has documented this range already');
    END IF;
END
$$;

-- Checks that a key may be rotated to a new one, or retired (new is NULL). Names that begin with WITNESS:
-- are witnesses, all others are agents' keys. A witness is replaced by a witness, an agent's key by a key
-- of the same agent. An agent's key that is retired can still be given a successor.
CREATE FUNCTION check_key_change(old TEXT, new TEXT, new_public_key TEXT, proof TEXT) RETURNS VOID
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    is_witness CONSTANT BOOLEAN := starts_with(old, 'WITNESS:');
    known RECORD;
BEGIN
    IF is_witness THEN
        SELECT w.until_sequence, NULL::text AS agent_id, 'server'::text AS custody, 1::smallint AS sig_alg_version
            INTO known FROM witnesses w WHERE w.witness_id = old;
    ELSE
        SELECT k.until_sequence, k.agent_id, k.custody, k.sig_alg_version
            INTO known FROM agent_keys k WHERE k.key_id = old;
    END IF;
    IF NOT FOUND OR known.until_sequence IS NOT NULL AND (new IS NULL OR is_witness) THEN
        PERFORM refuse_ceremony('details', format('there is no active key %s', old));
    ELSIF new IS NOT NULL AND (
        starts_with(new, 'WITNESS:') <> is_witness OR new !~ '^(WITNESS:)?[A-Za-z0-9][A-Za-z0-9._-]{0,180}$'
        OR EXISTS (SELECT FROM agent_keys k WHERE k.key_id = new OR k.public_key = new_public_key)
        OR EXISTS (SELECT FROM witnesses w WHERE w.witness_id = new OR w.public_key = new_public_key)) THEN
        PERFORM refuse_ceremony('details',
            format('%s cannot follow %s: the name or the key is taken, or of another sort', new, old));
    ELSIF new IS NOT NULL AND NOT is_witness AND EXISTS (
        SELECT FROM agent_keys k
        WHERE k.agent_id IS NOT DISTINCT FROM known.agent_id AND k.key_id <> old AND k.until_sequence IS NULL) THEN
        PERFORM refuse_ceremony('details', format('the agent of %s signs with another key', old));
    ELSIF new IS NOT NULL AND NOT registration_verifies(jsonb_build_object(
            'custody', known.custody, 'id', new, 'owner', known.agent_id, 'proof', proof, 'public_key', new_public_key,
            'replaces', old, 'role', CASE WHEN is_witness THEN 'witness' WHEN known.agent_id IS NULL THEN 'system' ELSE 'agent' END,
            'sig_alg_version', known.sig_alg_version)) THEN
        PERFORM refuse_ceremony('proof', format('the proof is not a signature by the key %s', new));
    ELSIF new IS NULL AND is_witness AND (SELECT count(*) FROM witnesses w WHERE w.until_sequence IS NULL) < 2 THEN
        PERFORM refuse_ceremony('details', 'it is the last witness; rotate it, or nothing could be written any more');
    ELSIF new IS NULL AND NOT is_witness AND known.agent_id IS NULL THEN
        PERFORM refuse_ceremony('details',
            'it is the system''s key; rotate it, or no ceremony could be recorded any more');
    END IF;
END
$$;
