-- The append protocol. Everything that makes `sequence` gap-free and the chain whole is here.

-- Takes the only lock of the ledger, to the end of the transaction; gives up after `patience_ms` with
-- lock_not_available. It is a lock on a table, not an advisory one: those anybody may take who may
-- connect, this one only the owner, whose right this function uses. Its kind conflicts with itself and
-- with changes of the table; readers, dumps and halts pass. PostgreSQL hands it on in the order of asking.
-- What is committed under it is on disk when the commit is answered, whatever synchronous_commit says,
-- and whoever holds it and falls silent is ended.
CREATE FUNCTION lock_ledger(patience_ms INTEGER DEFAULT 5000) RETURNS VOID
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    was TEXT; -- an assignment starts no query, which PERFORM does
BEGIN
    IF current_setting('synchronous_commit') NOT IN ('on', 'remote_apply') THEN
        was := set_config('synchronous_commit', 'on', true);
    END IF;
    was := set_config('lock_timeout', patience_ms::text, true);
    was := set_config('idle_in_transaction_session_timeout', '30000', true);
    LOCK TABLE public.ledger_config IN SHARE UPDATE EXCLUSIVE MODE;
END
$$;
REVOKE ALL ON FUNCTION lock_ledger FROM PUBLIC;

-- The reading of the clock that the opening of this append took, in microseconds since 1970, and which
-- transaction took it. Sequences, because they are written in place and by the owner alone; nothing of
-- them has to outlive a crash.
CREATE UNLOGGED SEQUENCE append_opened_at MINVALUE -9223372036854775808 OWNED BY appends.authority_timestamp;
CREATE UNLOGGED SEQUENCE append_opened_by OWNED BY appends.last_sequence;

-- Takes the only lock of the ledger and returns the head and the authority time of this append.
--
-- The lock makes commit order sequence order: without it a reader could see n+1 before n, and
-- `?after=n` would miss an event. It is held to the end of the transaction, so appends are
-- serial; readers never wait for it. Under it, and only under it, is it safe to
--   * compare the tail of `events` with the head (a cut tail stops the ledger, CT-13),
--   * put the BIGSERIAL back to the head, if an append that rolled back or crashed had moved it
--     on: nobody else can be drawing numbers, and no number above the head was ever committed.
-- clock_timestamp() and not now(): now() is the time before the wait for the lock.
CREATE FUNCTION open_append(
    patience_ms INTEGER DEFAULT 5000, OUT last_sequence BIGINT, OUT content_hash TEXT, OUT event_count BIGINT, OUT authority_timestamp TIMESTAMPTZ
)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    halt_reason TEXT;
    tail_sequence BIGINT;
    tail_hash TEXT;
    drawn BIGINT;
BEGIN
    PERFORM lock_ledger(patience_ms);

    SELECT h.reason INTO halt_reason FROM halt_state h WHERE h.halted;
    IF FOUND THEN
        RAISE EXCEPTION 'CT-11: the ledger is halted: %', halt_reason USING ERRCODE = 'AP001';
    END IF;
    PERFORM FROM halt_state;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'CT-11: the halt state is gone; nothing is appended without it' USING ERRCODE = 'AP001';
    END IF;

    SELECT a.last_sequence, a.content_hash, a.event_count
        INTO open_append.last_sequence, open_append.content_hash, open_append.event_count
        FROM appends a ORDER BY a.last_sequence DESC LIMIT 1;
    IF NOT FOUND THEN
        last_sequence := 0;
        content_hash := repeat('0', 64);
        event_count := 0;
    END IF;
    SELECT e.sequence, e.content_hash INTO tail_sequence, tail_hash
        FROM events e ORDER BY e.sequence DESC LIMIT 1;
    IF coalesce(tail_sequence, 0) <> last_sequence OR coalesce(tail_hash, repeat('0', 64)) <> content_hash THEN
        RAISE EXCEPTION 'CT-13: events end at % (%), the head says % (%)',
            coalesce(tail_sequence, 0), coalesce(tail_hash, 'nothing'), last_sequence, content_hash
            USING ERRCODE = 'AP002';
    END IF;

    SELECT CASE WHEN s.is_called THEN s.last_value ELSE 0 END INTO drawn FROM events_sequence_seq s;
    IF drawn <> last_sequence THEN
        PERFORM setval('events_sequence_seq', greatest(last_sequence, 1), last_sequence > 0);
    END IF;
    authority_timestamp := clock_timestamp();
END
$$;
REVOKE ALL ON FUNCTION open_append FROM PUBLIC;

-- The lock and its checks hold for a plain INSERT as well, whoever sends it. One without an opening of
-- its own may have read the clock at any time since its transaction began.
CREATE FUNCTION guard_append() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    PERFORM open_append(NULL);
    RETURN NULL;
END
$$;
CREATE TRIGGER guard_append_before_insert
    BEFORE INSERT ON events FOR EACH STATEMENT EXECUTE FUNCTION guard_append();
ALTER TABLE events ENABLE ALWAYS TRIGGER guard_append_before_insert;

-- Re-checks what SQL can of every new row, then moves the head. The name of the failed check
-- goes out as the error's constraint.
CREATE FUNCTION check_append() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    head_sequence BIGINT;
    head_hash TEXT;
    head_count BIGINT;
    wrong RECORD;
    appended RECORD;
BEGIN
    SELECT a.last_sequence, a.content_hash, a.event_count INTO head_sequence, head_hash, head_count
        FROM appends a ORDER BY a.last_sequence DESC LIMIT 1;
    head_sequence := coalesce(head_sequence, 0);
    head_hash := coalesce(head_hash, repeat('0', 64));

    SELECT c.sequence, c.failed INTO wrong FROM (
        SELECT n.sequence, CASE
            WHEN n.sequence <> head_sequence + row_number() OVER w THEN 'sequence'
            WHEN n.prev_hash <> lag(n.content_hash, 1, head_hash) OVER w THEN 'prev_hash'
            WHEN n.content_hash <> content_hash_of(
                n.agent_id, n.authority_timestamp, n.event_id, n.event_type, n.hash_alg_version, n.local_timestamp,
                n.payload_hash, n.prev_hash, n.sequence, n.sig_alg_version, n.signing_key_id, n.witness_id) THEN 'content_hash'
            WHEN NOT n.authority_timestamp BETWEEN transaction_timestamp() AND clock_timestamp() THEN 'authority_timestamp'
            WHEN k.key_id IS NULL OR k.agent_id IS DISTINCT FROM n.agent_id OR k.until_sequence IS NOT NULL THEN 'signing_key'
            WHEN x.witness_id IS NULL OR x.until_sequence IS NOT NULL THEN 'witness'
        END AS failed
        FROM new_events n
        LEFT JOIN agent_keys k ON k.key_id = n.signing_key_id
        LEFT JOIN witnesses x ON x.witness_id = n.witness_id
        WINDOW w AS (ORDER BY n.sequence)
    ) c WHERE c.failed IS NOT NULL ORDER BY c.sequence LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'FR7: the append is refused: % of sequence % is wrong', wrong.failed, wrong.sequence
            USING ERRCODE = 'AP003', CONSTRAINT = wrong.failed;
    END IF;

    SELECT min(n.sequence) AS first, max(n.sequence) AS last, count(*) AS count,
           max(n.authority_timestamp) AS authority_timestamp
        INTO appended FROM new_events n;
    IF appended.count > 0 THEN
        INSERT INTO appends (last_sequence, first_sequence, content_hash, authority_timestamp, event_count)
        SELECT appended.last, appended.first, n.content_hash, appended.authority_timestamp,
               coalesce(head_count, 0) + appended.count
        FROM new_events n WHERE n.sequence = appended.last;
    END IF;
    RETURN NULL;
END
$$;
-- Both write with the owner's rights: hung on a table of somebody's own, they would move the head
-- to events that are not there.
REVOKE ALL ON FUNCTION guard_append, check_append FROM PUBLIC;
CREATE TRIGGER check_append_on_insert
    AFTER INSERT ON events REFERENCING NEW TABLE AS new_events
    FOR EACH STATEMENT EXECUTE FUNCTION check_append();
ALTER TABLE events ENABLE ALWAYS TRIGGER check_append_on_insert;

-- Keys and witnesses come and go under the same lock, so that "from this sequence on" is exact.
CREATE FUNCTION register_agent_key(new_key_id TEXT, new_agent_id TEXT, new_public_key TEXT) RETURNS BIGINT
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    INSERT INTO agent_keys (key_id, agent_id, public_key, active_from, from_sequence)
    SELECT new_key_id, new_agent_id, new_public_key, h.authority_timestamp, h.last_sequence + 1 FROM open_append() h
    RETURNING from_sequence
$$;
CREATE FUNCTION retire_agent_key(old_key_id TEXT) RETURNS BIGINT
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    UPDATE agent_keys k SET active_until = h.authority_timestamp, until_sequence = h.last_sequence
    FROM open_append() h WHERE k.key_id = old_key_id AND k.until_sequence IS NULL
    RETURNING k.until_sequence
$$;
CREATE FUNCTION register_witness(new_witness_id TEXT, new_public_key TEXT) RETURNS BIGINT
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    INSERT INTO witnesses (witness_id, public_key, active_from, from_sequence)
    SELECT new_witness_id, new_public_key, h.authority_timestamp, h.last_sequence + 1 FROM open_append() h
    RETURNING from_sequence
$$;
CREATE FUNCTION retire_witness(old_witness_id TEXT) RETURNS BIGINT
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    UPDATE witnesses w SET active_until = h.authority_timestamp, until_sequence = h.last_sequence
    FROM open_append() h WHERE w.witness_id = old_witness_id AND w.until_sequence IS NULL
    RETURNING w.until_sequence
$$;
CREATE FUNCTION halt_ledger(why TEXT) RETURNS TIMESTAMPTZ
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT lock_ledger();
    UPDATE halt_state SET halted = true, reason = why, halted_at = clock_timestamp() WHERE NOT halted
    RETURNING halted_at
$$;
REVOKE ALL ON FUNCTION register_agent_key, retire_agent_key, register_witness, retire_witness, halt_ledger FROM PUBLIC;
