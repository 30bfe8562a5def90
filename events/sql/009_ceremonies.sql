-- Ceremonies (CT-13): a decision about the ledger is proposed by one person, approved by at least two
-- others, and recorded in the chain as an event `ceremony.…`.
--
-- The database checks who may speak, how often, about which text, how many agree, that each has signed it,
-- and that the chain records exactly what was said. Every verification of the ledger checks it again.

CREATE TABLE ceremonies (
    id              BIGSERIAL   PRIMARY KEY,
    ceremony_id     UUID        NOT NULL,
    kind            TEXT        NOT NULL CHECK (kind ~ '^ceremony\.[a-z_]+$'),
    step            TEXT        NOT NULL CHECK (step IN ('proposed', 'approved', 'rejected', 'recorded')),
    person          TEXT        NOT NULL CHECK (person <> ''),
    content         JSONB       NOT NULL,
    event_id        UUID        REFERENCES events (event_id),
    recorded_at     TIMESTAMPTZ NOT NULL DEFAULT now(),
    CHECK ((step = 'recorded') = (event_id IS NOT NULL))
);
CREATE INDEX ceremonies_ceremony_id ON ceremonies (ceremony_id, id);
CREATE UNIQUE INDEX ceremonies_one_proposal ON ceremonies (ceremony_id) WHERE step = 'proposed';
CREATE UNIQUE INDEX ceremonies_one_record ON ceremonies (ceremony_id) WHERE step = 'recorded';
-- A person takes part in a ceremony once, so whoever proposed cannot approve.
CREATE UNIQUE INDEX ceremonies_one_voice ON ceremonies (ceremony_id, person) WHERE step <> 'recorded';
COMMENT ON TABLE ceremonies IS 'Proposals, approvals and records of ceremonies (CT-13)';

CREATE TRIGGER refuse_change_of_ceremonies
    BEFORE UPDATE OR DELETE OR TRUNCATE ON ceremonies
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE ceremonies ENABLE ALWAYS TRIGGER refuse_change_of_ceremonies;

-- --- The transaction that records a ceremony ---------------------------------------------------------

-- The transaction that recorded each ceremony. In that transaction, and in no other, a halted ledger
-- accepts the ceremony's events, and an append may follow a lost tail.
CREATE TABLE ceremony_openings (
    ceremony_id     UUID        PRIMARY KEY,
    transaction     TEXT        NOT NULL
);
COMMENT ON TABLE ceremony_openings IS 'Which transaction recorded which ceremony';
CREATE TRIGGER refuse_change_of_ceremony_openings
    BEFORE UPDATE OR DELETE OR TRUNCATE ON ceremony_openings
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE ceremony_openings ENABLE ALWAYS TRIGGER refuse_change_of_ceremony_openings;

-- Names the current transaction by its number and its start: a ledger that is restored on another server
-- meets the same numbers again.
CREATE FUNCTION this_transaction() RETURNS TEXT
LANGUAGE sql STABLE SET search_path = pg_catalog AS $$
    SELECT pg_current_xact_id_if_assigned()::text || ' ' || extract(epoch FROM transaction_timestamp())::text
$$;

-- Sets the transaction of an opening to the current one, whatever the INSERT says.
CREATE FUNCTION mark_ceremony_opening() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    PERFORM pg_current_xact_id();
    NEW.transaction := this_transaction();
    RETURN NEW;
END
$$;
CREATE TRIGGER mark_ceremony_opening_before_insert
    BEFORE INSERT ON ceremony_openings FOR EACH ROW EXECUTE FUNCTION mark_ceremony_opening();
ALTER TABLE ceremony_openings ENABLE ALWAYS TRIGGER mark_ceremony_opening_before_insert;

-- Refuses to commit an opening without the event that records its ceremony.
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
CREATE CONSTRAINT TRIGGER require_ceremony_event_at_commit
    AFTER INSERT ON ceremony_openings DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION require_ceremony_event();
ALTER TABLE ceremony_openings ENABLE ALWAYS TRIGGER require_ceremony_event_at_commit;

-- The ceremony, of any kind or of this one, that the current transaction records; NULL if there is none.
CREATE FUNCTION ceremony_opened_here(kind TEXT DEFAULT NULL) RETURNS UUID
LANGUAGE sql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT o.ceremony_id FROM ceremony_openings o JOIN ceremonies p USING (ceremony_id)
    WHERE o.transaction = this_transaction() AND p.step = 'proposed'
      AND (ceremony_opened_here.kind IS NULL OR p.kind = ceremony_opened_here.kind)
    LIMIT 1
$$;

-- Tells whether the ceremony that this transaction records skips exactly these numbers.
CREATE FUNCTION ceremony_skips(first BIGINT, last BIGINT) RETURNS BOOLEAN
LANGUAGE sql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT EXISTS (
        SELECT FROM ceremonies p WHERE p.ceremony_id = ceremony_opened_here('ceremony.sequence_skip')
          AND p.step = 'proposed'
          AND (p.content ->> 'proposal')::jsonb -> 'details' = jsonb_build_object('first', first, 'last', last))
$$;

-- --- Steps -------------------------------------------------------------------------------------------

-- The hash by which each vote refers to its proposal, which is kept as the text that was signed.
CREATE FUNCTION proposal_hash(content JSONB) RETURNS TEXT
LANGUAGE sql IMMUTABLE
RETURN encode(sha256(convert_to(content ->> 'proposal', 'UTF8')), 'hex');

-- The canonical form (docs/event-format.md) of JSON as proposals hold it: whole numbers, and texts without
-- unseen characters.
CREATE FUNCTION canonical_json(value JSONB) RETURNS TEXT
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT CASE jsonb_typeof(value)
        WHEN 'object' THEN '{' || coalesce((
            SELECT string_agg(to_json(name)::text || ':' || canonical_json(member), ',' ORDER BY name COLLATE "C")
            FROM jsonb_each(value) each (name, member)), '') || '}'
        WHEN 'array' THEN '[' || coalesce((
            SELECT string_agg(canonical_json(element), ',' ORDER BY place)
            FROM jsonb_array_elements(value) WITH ORDINALITY each (element, place)), '') || ']'
        ELSE value::text
    END
$$;

-- The moment from which a proposal can neither be voted on nor recorded, and the text that says so.
CREATE FUNCTION proposal_expires(proposed_at TIMESTAMPTZ) RETURNS TIMESTAMPTZ
LANGUAGE sql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT proposed_at + make_interval(days => c.proposal_days) FROM ledger_config c
$$;
CREATE FUNCTION expired_since(proposed_at TIMESTAMPTZ) RETURNS TEXT
LANGUAGE sql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT format('the proposal expired at %s; propose it anew', canonical_time(proposal_expires(proposed_at)))
$$;

-- Refuses a step or a ceremony; the name of the failed check is reported as the error's constraint.
CREATE FUNCTION refuse_ceremony(failed TEXT, message TEXT) RETURNS VOID
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    RAISE EXCEPTION 'CT-13: %', message USING ERRCODE = 'AP005', CONSTRAINT = failed;
END
$$;

-- Checks one step of a ceremony, whoever inserts it, the owner included. It locks the proposal first, so
-- that the steps of a ceremony happen one after the other and nothing rests on uncommitted steps.
CREATE FUNCTION check_ceremony_step() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    proposed ceremonies%ROWTYPE;
    proposal JSONB;
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        PERFORM refuse_ceremony('isolation', 'a step is READ COMMITTED: behind the lock it would not see the last one');
    END IF;
    PERFORM FROM ceremonies c WHERE c.ceremony_id = NEW.ceremony_id AND c.step = 'proposed' FOR UPDATE;
    NEW.recorded_at := clock_timestamp();
    SELECT * INTO proposed FROM ceremonies c WHERE c.ceremony_id = NEW.ceremony_id AND c.step = 'proposed';
    IF NEW.step = 'proposed' THEN
        proposal := (NEW.content ->> 'proposal')::jsonb;
        IF FOUND OR proposal ->> 'ceremony_id' IS DISTINCT FROM NEW.ceremony_id::text
           OR proposal ->> 'kind' IS DISTINCT FROM NEW.kind
           OR NOT coalesce(is_reason(proposal ->> 'reason'), false)
           OR proposal - ARRAY['ceremony_id', 'details', 'kind', 'reason'] <> '{}' THEN
            PERFORM refuse_ceremony('proposal', 'a proposal names its own new ceremony, its kind, details and a reason, and no more');
        ELSIF NEW.content ->> 'proposal' ~ unseen_characters()
           OR replace(NEW.content ->> 'proposal', E'\\\\', '') ~ E'\\\\[bfnrtu]' THEN
            PERFORM refuse_ceremony('proposal', 'a proposal is text that can be shown as it is');
        ELSIF canonical_json(proposal) IS DISTINCT FROM NEW.content ->> 'proposal' THEN
            PERFORM refuse_ceremony('proposal', 'a proposal is JSON in canonical form');
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
        PERFORM refuse_ceremony('own_proposal',
            format('%s proposed it, and nobody votes on their own proposal', NEW.person));
    ELSIF EXISTS (SELECT FROM ceremonies v WHERE v.ceremony_id = NEW.ceremony_id
                  AND name_fold(v.person) = name_fold(NEW.person) AND v.step IN ('approved', 'rejected')) THEN
        PERFORM refuse_ceremony('voted', format('%s has voted on it already', NEW.person));
    END IF;
    IF NEW.step <> 'recorded' THEN
        IF NOT EXISTS (SELECT FROM person_keys k WHERE k.person = NEW.person AND k.until_sequence IS NULL
                       AND k.public_key = NEW.content ->> 'public_key') THEN
            PERFORM refuse_ceremony('person', format('%s has no such active key', NEW.person));
        END IF;
        IF NOT voice_verifies(NEW.step, NEW.person, coalesce(proposed.content, NEW.content) ->> 'proposal',
                              NEW.content ->> 'public_key', NEW.content ->> 'signature') THEN
            PERFORM refuse_ceremony('signature', format('the signature of %s is not of what was %s', NEW.person, NEW.step));
        END IF;
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER check_ceremony_step_before_insert
    BEFORE INSERT ON ceremonies FOR EACH ROW EXECUTE FUNCTION check_ceremony_step();
ALTER TABLE ceremonies ENABLE ALWAYS TRIGGER check_ceremony_step_before_insert;
