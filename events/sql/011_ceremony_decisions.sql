-- The decision of a ceremony: which votes count, what the chain records, and what it changes.

-- The proposals and votes that count: those of people whose key is still active.
CREATE VIEW ceremony_voices AS
SELECT c.id, c.ceremony_id, c.step, jsonb_build_object(
           'at', canonical_time(c.recorded_at), 'person', c.person,
           'public_key', c.content ->> 'public_key', 'signature', c.content ->> 'signature') AS voice
FROM ceremonies c JOIN person_keys k ON k.public_key = c.content ->> 'public_key' AND k.until_sequence IS NULL
WHERE c.step IN ('proposed', 'approved', 'rejected');
COMMENT ON VIEW ceremony_voices IS 'Proposals and votes of people whose key is active';

-- Tells whether a ceremony is approved: by two people besides the proposer, and by more than reject it.
CREATE FUNCTION ceremony_is_approved(ceremony UUID) RETURNS BOOLEAN
LANGUAGE sql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT count(*) FILTER (WHERE v.step = 'proposed') = 1
       AND count(*) FILTER (WHERE v.step = 'approved') >= 2
       AND count(*) FILTER (WHERE v.step = 'approved') > count(*) FILTER (WHERE v.step = 'rejected')
    FROM ceremony_voices v WHERE v.ceremony_id = ceremony
$$;

-- The payload of the event that records a ceremony: the proposal, who proposed it, who approved and who
-- rejected it, each with key and signature, so that outsiders can verify all of it.
CREATE FUNCTION ceremony_payload(ceremony UUID) RETURNS JSONB
LANGUAGE sql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT jsonb_build_object(
        'ceremony_id', p.ceremony_id,
        'proposal', (p.content ->> 'proposal')::jsonb,
        'proposed_by', (SELECT v.voice FROM ceremony_voices v
                        WHERE v.ceremony_id = ceremony AND v.step = 'proposed'),
        'approvals', (SELECT jsonb_agg(v.voice ORDER BY v.id) FROM ceremony_voices v
                      WHERE v.ceremony_id = ceremony AND v.step = 'approved'),
        'rejections', coalesce((SELECT jsonb_agg(v.voice ORDER BY v.id) FROM ceremony_voices v
                                WHERE v.ceremony_id = ceremony AND v.step = 'rejected'), '[]'))
        || CASE p.kind WHEN 'ceremony.sequence_skip' THEN (p.content ->> 'proposal')::jsonb -> 'details' ELSE '{}' END
    FROM ceremonies p WHERE p.ceremony_id = ceremony AND p.step = 'proposed'
$$;

-- Starts to record a ceremony. From here to the end of the transaction its events are accepted, even if
-- the ledger is halted. Numbers that come next and are to be skipped are skipped here, so that the
-- recording event follows them.
CREATE FUNCTION open_ceremony(ceremony UUID, OUT kind TEXT, OUT payload TEXT)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    details JSONB;
    proposed_at TIMESTAMPTZ;
    head appends%ROWTYPE;
BEGIN
    PERFORM FROM ceremonies p WHERE p.ceremony_id = ceremony AND p.step = 'proposed' FOR UPDATE;
    PERFORM lock_ledger();
    SELECT p.kind, (p.content ->> 'proposal')::jsonb -> 'details', p.recorded_at
        INTO open_ceremony.kind, details, proposed_at
        FROM ceremonies p WHERE p.ceremony_id = ceremony AND p.step = 'proposed';
    IF NOT FOUND THEN
        PERFORM refuse_ceremony('unknown', format('there is no ceremony %s', ceremony));
    ELSIF EXISTS (SELECT FROM ceremonies r WHERE r.ceremony_id = ceremony AND r.step = 'recorded') THEN
        PERFORM refuse_ceremony('recorded', format('ceremony %s is recorded already', ceremony));
    ELSIF clock_timestamp() >= proposal_expires(proposed_at) THEN
        PERFORM refuse_ceremony('expired', expired_since(proposed_at));
    ELSIF EXISTS (
        SELECT FROM ceremony_voices v JOIN ceremonies p ON p.ceremony_id = v.ceremony_id AND p.step = 'proposed'
        WHERE v.ceremony_id = ceremony AND NOT voice_verifies(
            v.step, v.voice ->> 'person', p.content ->> 'proposal', v.voice ->> 'public_key', v.voice ->> 'signature')
    ) THEN
        PERFORM refuse_ceremony('signature', 'a signature is not of what was proposed, approved or rejected');
    ELSIF NOT ceremony_is_approved(ceremony) THEN
        PERFORM refuse_ceremony('approvals',
            'two people besides the proposer must approve it, and more approve than reject');
    END IF;
    PERFORM check_ceremony_details(open_ceremony.kind, details);
    INSERT INTO ceremony_openings (ceremony_id) VALUES (ceremony);
    IF open_ceremony.kind = 'ceremony.sequence_skip' THEN
        SELECT * INTO head FROM appends a ORDER BY a.last_sequence DESC LIMIT 1;
        IF (details -> 'first')::bigint = head.last_sequence + 1 THEN
            INSERT INTO appends (last_sequence, first_sequence, content_hash, authority_timestamp, event_count)
            VALUES ((details -> 'last')::bigint, (details -> 'first')::bigint, head.content_hash, clock_timestamp(),
                    head.event_count);
        END IF;
    END IF;
    payload := ceremony_payload(ceremony)::text;
END
$$;

-- Refuses an event `ceremony.…` that does not record an approved ceremony, and carries out the ceremony in
-- the same transaction. It runs at the end of the transaction, because the key that signs the record may
-- be the one that the ceremony retires. Other events cost one comparison.
CREATE FUNCTION carry_out_ceremony() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    ceremony CONSTANT UUID := ceremony_opened_here(NEW.event_type);
    details JSONB;
BEGIN
    IF ceremony IS NULL OR NEW.agent_id IS NOT NULL OR NEW.payload IS DISTINCT FROM ceremony_payload(ceremony) THEN
        PERFORM refuse_ceremony('event',
            format('the event %s is refused: it is not the record of an approved ceremony', NEW.event_type));
    ELSIF NOT ceremony_is_approved(ceremony) THEN
        PERFORM refuse_ceremony('approvals',
            format('the event %s is refused: its ceremony was rejected meanwhile', NEW.event_type));
    ELSIF NOT event_is_signed(NEW) THEN
        PERFORM refuse_ceremony('signature',
            format('the event %s is refused: its signatures do not verify', NEW.event_type));
    END IF;
    INSERT INTO ceremonies (ceremony_id, kind, step, person, content, event_id)
    VALUES (ceremony, NEW.event_type, 'recorded', 'the system',
            jsonb_build_object('sequence', NEW.sequence), NEW.event_id);
    details := NEW.payload #> '{proposal,details}';
    CASE NEW.event_type
    WHEN 'ceremony.clear_halt' THEN
        IF EXISTS (
            SELECT FROM jsonb_array_elements(details -> 'unwritten') u WHERE NOT EXISTS (
                SELECT FROM events e
                WHERE e.event_id = (u ->> 'event_id')::uuid AND e.event_type = u ->> 'event_type' AND e.agent_id IS NULL
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
        PERFORM change_key(details ->> 'old_key', details ->> 'new_key', details ->> 'new_public_key', NEW);
    WHEN 'ceremony.drift_threshold' THEN
        UPDATE ledger_config SET drift_threshold_seconds = (details ->> 'seconds')::numeric;
    WHEN 'ceremony.add_person' THEN
        INSERT INTO person_keys (public_key, person, event_id, active_from, from_sequence)
        VALUES (details ->> 'public_key', details ->> 'person', NEW.event_id,
                NEW.authority_timestamp, NEW.sequence + 1);
    WHEN 'ceremony.retire_person' THEN
        UPDATE person_keys SET active_until = NEW.authority_timestamp, until_sequence = NEW.sequence
        WHERE person = details ->> 'person' AND until_sequence IS NULL;
    END CASE;
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER carry_out_ceremony_at_commit
    AFTER INSERT ON events DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (starts_with(NEW.event_type, 'ceremony.')) EXECUTE FUNCTION carry_out_ceremony();
ALTER TABLE events ENABLE ALWAYS TRIGGER carry_out_ceremony_at_commit;

-- Retires a key or a witness as an event says, and registers its successor from the next number on, if any.
CREATE FUNCTION change_key(old TEXT, new TEXT, new_public_key TEXT, event events) RETURNS VOID
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    PERFORM retire_key(old, event);
    IF starts_with(new, 'WITNESS:') THEN
        INSERT INTO witnesses (witness_id, public_key, active_from, from_sequence)
        VALUES (new, new_public_key, event.authority_timestamp, event.sequence + 1);
    ELSE
        INSERT INTO agent_keys (key_id, agent_id, public_key, sig_alg_version, custody, active_from, from_sequence)
            SELECT new, k.agent_id, new_public_key, k.sig_alg_version, k.custody, event.authority_timestamp, event.sequence + 1
            FROM agent_keys k WHERE k.key_id = old AND new IS NOT NULL;
    END IF;
END
$$;
