-- The append protocol: everything that keeps `sequence` free of gaps and the chain unbroken.
--
-- An append is one transaction: begin_append takes the lock and returns the head and the authority
-- time, the writer inserts its signed events, the triggers check them and add the new head to `appends`,
-- and confirm_append makes sure of that before the commit.

-- Takes the ledger's only lock until the end of the transaction, and fails with lock_not_available after
-- patience_ms. It is a lock on a table and not an advisory lock, because anybody who may connect can take
-- an advisory lock, and this one only the owner, whose rights this function uses. The lock conflicts with
-- itself and with changes of the table's definition; readers and dumps pass. PostgreSQL grants it in the
-- order of the requests.
-- What is committed under it is on disk when the commit returns, whatever synchronous_commit was. A
-- session that holds it and stays idle is ended after 30 seconds.
CREATE FUNCTION lock_ledger(patience_ms INTEGER DEFAULT 5000) RETURNS VOID
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    was TEXT; -- assigning a result starts no query, as PERFORM would
BEGIN
    IF current_setting('synchronous_commit') NOT IN ('on', 'remote_apply') THEN
        was := set_config('synchronous_commit', 'on', true);
    END IF;
    was := set_config('lock_timeout', patience_ms::text, true);
    was := set_config('idle_in_transaction_session_timeout', '30000', true);
    LOCK TABLE public.ledger_config IN SHARE UPDATE EXCLUSIVE MODE;
END
$$;

-- The authority time of the append under way, in microseconds since 1970, and the transaction that took
-- it. They are sequences, because those are written in place and by the owner only. Unlogged, because
-- neither has to survive a crash.
CREATE UNLOGGED SEQUENCE append_opened_at MINVALUE -9223372036854775808 OWNED BY appends.authority_timestamp;
CREATE UNLOGGED SEQUENCE append_opened_by OWNED BY appends.last_sequence;

-- Takes the lock and returns the head and the authority time of this append, or refuses the append
-- because the ledger is halted (CT-11) or does not end where the head says (CT-13).
--
-- The lock makes the order of commits the order of the sequence. Without it a reader could see n+1
-- before n, and `?after=n` would miss an event. Appends are serial; readers never wait. The lock
-- also makes two things safe:
--   * comparing the end of `events` with the head;
--   * setting the BIGSERIAL back to the head after an append that rolled back or crashed. Nobody else can
--     be drawing numbers, and no number above the head was ever committed.
-- The state is read in one query of its own, after the lock is held, so that its snapshot sees what the
-- previous holder committed. That is why only READ COMMITTED is accepted.
--
-- A transaction that records a ceremony may do two things that others may not: append to a halted ledger,
-- and append after the lost tail that its ceremony names. Both are looked up only where the append would
-- be refused, so that no other append pays for them.
--
-- The clock is read once per transaction, at its first opening, with clock_timestamp(): now() is the time
-- before the wait for the lock. A patience of NULL marks the call by guard_append: if its transaction
-- opened no append before, any time since the transaction began is accepted from its rows.
CREATE FUNCTION open_append(
    patience_ms INTEGER DEFAULT 5000,
    OUT last_sequence BIGINT, OUT content_hash TEXT, OUT event_count BIGINT, OUT authority_timestamp TIMESTAMPTZ
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
        authority_timestamp := timestamptz 'epoch'
            + pg_sequence_last_value('public.append_opened_at') * interval '1 microsecond';
    ELSE
        authority_timestamp := clock_timestamp();
        kept := setval('public.append_opened_at', (extract(epoch FROM
            CASE WHEN patience_ms IS NULL THEN least(authority_timestamp, transaction_timestamp())
                 ELSE authority_timestamp END) * 1000000)::bigint);
        kept := setval('public.append_opened_by', pg_current_xact_id()::text::bigint);
    END IF;
END
$$;

-- Opens an append and returns what a writer signs, as text. A function, so that its query is planned once
-- per connection and not once per append.
CREATE FUNCTION begin_append(
    patience_ms INTEGER,
    OUT last_sequence BIGINT, OUT content_hash TEXT, OUT authority_timestamp TEXT, OUT drift_threshold NUMERIC
)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    opened RECORD;
BEGIN
    opened := open_append(patience_ms);
    last_sequence := opened.last_sequence;
    content_hash := opened.content_hash;
    authority_timestamp := to_char(opened.authority_timestamp AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"');
    drift_threshold := (SELECT c.drift_threshold_seconds FROM ledger_config c);
END
$$;

-- Takes the lock and makes the checks of open_append for every INSERT, whoever sends it.
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

-- Checks of every new row what SQL can check, then adds the new head. The name of the failed check is
-- reported as the error's constraint.
-- The rows are checked in a loop, because plpgsql evaluates plain expressions without starting a query,
-- which would cost more than the row. Keys and witnesses are looked up once each.
-- An authority time must lie between the time of the opening and now. If the clock was put back in
-- between, which is no reason to refuse an event (AC4), it must equal the time of the opening.
CREATE FUNCTION check_append() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    head_sequence BIGINT;
    head_hash TEXT;
    head_count BIGINT;
    first BIGINT;
    opened TIMESTAMPTZ;
    closed TIMESTAMPTZ;
    latest TIMESTAMPTZ;
    row_count BIGINT := 0;
    failed TEXT;
    n RECORD;
BEGIN
    SELECT a.last_sequence, a.content_hash, a.event_count INTO head_sequence, head_hash, head_count
        FROM appends a ORDER BY a.last_sequence DESC LIMIT 1;
    opened := timestamptz 'epoch' + pg_sequence_last_value('public.append_opened_at') * interval '1 microsecond';
    closed := greatest(opened, clock_timestamp());
    head_sequence := coalesce(head_sequence, 0);
    head_hash := coalesce(head_hash, repeat('0', 64));
    first := head_sequence + 1;

    FOR n IN SELECT * FROM new_events ORDER BY sequence LOOP
        failed := CASE
            WHEN n.sequence <> head_sequence + 1 THEN 'sequence'
            WHEN n.prev_hash <> head_hash THEN 'prev_hash'
            WHEN n.content_hash <> content_hash_of(
                n.agent_id, n.authority_timestamp, n.event_id, n.event_type, n.hash_alg_version, n.local_timestamp,
                n.payload_hash, n.prev_hash, n.sequence, n.sig_alg_version, n.signing_key_id, n.witness_id)
                THEN 'content_hash'
            WHEN (n.sequence = 1) <> (n.event_type = 'system.ledger_opened') THEN 'opening'
            WHEN (n.authority_timestamp BETWEEN opened AND closed) IS NOT TRUE
                THEN 'authority_timestamp' END;
        EXIT WHEN failed IS NOT NULL;
        head_sequence := n.sequence;
        head_hash := n.content_hash;
        latest := greatest(latest, n.authority_timestamp);
        row_count := row_count + 1;
    END LOOP;
    IF failed IS NULL THEN
        SELECT g.sequence, g.failed INTO n FROM (
            SELECT u.sequence, CASE
                WHEN NOT EXISTS (SELECT FROM agent_keys k WHERE k.key_id = u.signing_key_id
                    AND k.agent_id IS NOT DISTINCT FROM u.agent_id AND k.sig_alg_version = u.sig_alg_version
                    AND k.until_sequence IS NULL) THEN 'signing_key'
                WHEN NOT EXISTS (SELECT FROM witnesses w
                    WHERE w.witness_id = u.witness_id AND w.until_sequence IS NULL) THEN 'witness' END AS failed
            FROM (SELECT e.signing_key_id, e.agent_id, e.sig_alg_version, e.witness_id, min(e.sequence) AS sequence
                  FROM new_events e GROUP BY 1, 2, 3, 4) u
        ) g WHERE g.failed IS NOT NULL ORDER BY g.sequence LIMIT 1;
        failed := n.failed;
    END IF;
    IF failed IS NOT NULL THEN
        RAISE EXCEPTION 'FR7: the append is refused: % of sequence % is wrong', failed, n.sequence
            USING ERRCODE = 'AP003', CONSTRAINT = failed;
    END IF;

    IF row_count > 0 THEN
        INSERT INTO appends (last_sequence, first_sequence, content_hash, authority_timestamp, event_count)
        VALUES (head_sequence, first, head_hash, latest, coalesce(head_count, 0) + row_count);
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER check_append_on_insert
    AFTER INSERT ON events REFERENCING NEW TABLE AS new_events
    FOR EACH STATEMENT EXECUTE FUNCTION check_append();
ALTER TABLE events ENABLE ALWAYS TRIGGER check_append_on_insert;

-- Lets a writer make sure, before it commits, that its append was recorded (CT-13). If a superuser had
-- disabled the trigger check_append, the rows would stand beyond the head for good: nothing that the
-- rules allow could repair that.
CREATE FUNCTION confirm_append() RETURNS VOID
LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF (SELECT e.sequence FROM events e ORDER BY e.sequence DESC LIMIT 1)
       > coalesce((SELECT a.last_sequence FROM appends a ORDER BY a.last_sequence DESC LIMIT 1), 0) THEN
        RAISE EXCEPTION 'CT-13: the append was not recorded, so it is not made: the trigger check_append is not in force'
            USING ERRCODE = 'AP002';
    END IF;
END
$$;
