-- Halts (CT-11, CT-13): the ledger stops rather than degrade. Appends look at the halt state under the
-- append lock, before they write anything.

CREATE TABLE halt_state (
    singleton   BOOLEAN     PRIMARY KEY DEFAULT true CHECK (singleton),
    halted      BOOLEAN     NOT NULL DEFAULT false,
    reason      TEXT        CHECK (is_reason(reason)),
    halted_at   TIMESTAMPTZ,
    halted_by   TEXT        CHECK (is_name(halted_by)),
    cleared_by  UUID,
    CHECK (halted = (reason IS NOT NULL) AND halted = (halted_at IS NOT NULL))
);
INSERT INTO halt_state DEFAULT VALUES;
COMMENT ON TABLE halt_state IS 'One row: whether appending is stopped, and why';
COMMENT ON COLUMN halt_state.cleared_by IS 'The ceremony that cleared the last halt';

-- Keeps a halt in force: anybody with the right may halt, but only the recorded ceremony that names this
-- very halt clears it.
CREATE FUNCTION refuse_unhalt() RETURNS trigger
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
CREATE TRIGGER refuse_change_of_halt_state
    BEFORE UPDATE OR DELETE ON halt_state FOR EACH ROW EXECUTE FUNCTION refuse_unhalt();
CREATE TRIGGER refuse_truncate_of_halt_state
    BEFORE TRUNCATE ON halt_state FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE halt_state ENABLE ALWAYS TRIGGER refuse_change_of_halt_state;
ALTER TABLE halt_state ENABLE ALWAYS TRIGGER refuse_truncate_of_halt_state;

-- Halts the ledger and returns since when, or NULL if it was halted before: the first reason stands.
-- It takes the append lock, so that every event written was written before the halt, but waits only half a
-- second for it: a halt does not depend on whoever holds the lock. No wording of the reason prevents a
-- halt, because unseen characters in it are replaced.
-- `witnessed` is the event of this transaction that records the halt in the chain. Without one the record
-- waits in unwritten_records until the halt is cleared.
CREATE FUNCTION halt_ledger(
    why TEXT, who TEXT DEFAULT NULL, witnessed UUID DEFAULT NULL, unwitnessed_because TEXT DEFAULT NULL
) RETURNS TIMESTAMPTZ
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

-- --- Records that could not be written as events when they happened ----------------------------------

-- The halt of a ledger that has no witness, and the registration of one of the first people while the
-- ledger is halted. The ceremony that clears the halt writes each as an event with this id, as its
-- approvers signed it.
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

-- Tells whether a record is that of this halt.
CREATE FUNCTION records_halt(payload JSONB, recorded_at TIMESTAMPTZ, halt halt_state) RETURNS BOOLEAN
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog AS $$
    SELECT recorded_at = halt.halted_at AND payload - 'unwitnessed_because' =
        jsonb_strip_nulls(jsonb_build_object('reason', halt.reason, 'by', halt.halted_by))
$$;

-- Accepts a record only while the ledger is halted, and only of this halt, once, or of a person who may
-- be registered without a ceremony.
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
            AND NOT EXISTS (SELECT FROM unwritten_records u
                            WHERE u.event_type = NEW.event_type AND u.recorded_at = NEW.recorded_at)
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
CREATE TRIGGER guard_unwritten_records_before_insert
    BEFORE INSERT ON unwritten_records FOR EACH ROW EXECUTE FUNCTION guard_unwritten_records();
ALTER TABLE unwritten_records ENABLE ALWAYS TRIGGER guard_unwritten_records_before_insert;

-- The events that the clearing of the present halt writes: the record of the halt, and those of the first
-- three people whom no event registers yet. Other records are never written. The proposal to clear the
-- halt holds exactly this list, so that people sign it.
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
         JOIN person_keys k ON k.event_id = w.event_id
             AND (k.person, k.public_key) = (SELECT p.person, p.public_key FROM said_person(w.event_type, w.payload) p)
         WHERE w.event_type = 'system.person_registered' ORDER BY w.recorded_at, w.event_id
         LIMIT (SELECT greatest(3 - r.people, 0) FROM registered r))
    )
    SELECT coalesce(jsonb_agg(jsonb_build_object(
        'event_id', c.event_id, 'event_type', c.event_type,
        'local_timestamp', canonical_time(c.recorded_at), 'payload', c.payload)
        ORDER BY c.recorded_at, c.event_id), '[]')
    FROM called_for c
$$;
