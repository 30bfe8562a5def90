-- The same guards at less cost: measured on COPY, the counted regular expressions of the checks were
-- 34 of 40 microseconds a row, and opening an append was five queries, twice.

-- A class and a length say what a counted repetition says, at a tenth of the time. One statement,
-- so that the rows that are there are read once.
ALTER TABLE events
    DROP CONSTRAINT events_prev_hash_check,
    ADD CONSTRAINT events_prev_hash_check CHECK (octet_length(prev_hash) = 64 AND prev_hash !~ '[^0-9a-f]'),
    DROP CONSTRAINT events_content_hash_check,
    ADD CONSTRAINT events_content_hash_check CHECK (octet_length(content_hash) = 64 AND content_hash !~ '[^0-9a-f]'),
    DROP CONSTRAINT events_payload_hash_check,
    ADD CONSTRAINT events_payload_hash_check CHECK (octet_length(payload_hash) = 64 AND payload_hash !~ '[^0-9a-f]'),
    DROP CONSTRAINT events_payload_salt_check,
    ADD CONSTRAINT events_payload_salt_check CHECK (octet_length(payload_salt) = 64 AND payload_salt !~ '[^0-9a-f]'),
    DROP CONSTRAINT events_signature_check,
    ADD CONSTRAINT events_signature_check
        CHECK (octet_length(signature) = 88 AND right(signature, 2) = '==' AND left(signature, 86) !~ '[^A-Za-z0-9+/]'),
    DROP CONSTRAINT events_witness_signature_check,
    ADD CONSTRAINT events_witness_signature_check
        CHECK (octet_length(witness_signature) = 88 AND right(witness_signature, 2) = '=='
               AND left(witness_signature, 86) !~ '[^A-Za-z0-9+/]');
ALTER TABLE appends
    DROP CONSTRAINT appends_content_hash_check,
    ADD CONSTRAINT appends_content_hash_check CHECK (octet_length(content_hash) = 64 AND content_hash !~ '[^0-9a-f]');

-- As in 008, in one query. It must be a query of its own behind the lock: only then does its
-- snapshot see what the last holder of the lock committed.
CREATE OR REPLACE FUNCTION open_append(
    patience_ms INTEGER DEFAULT 5000, OUT last_sequence BIGINT, OUT content_hash TEXT, OUT event_count BIGINT, OUT authority_timestamp TIMESTAMPTZ
)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    state RECORD;
BEGIN
    PERFORM lock_ledger(patience_ms);

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
    IF state.halted THEN
        RAISE EXCEPTION 'CT-11: the ledger is halted: %', state.reason USING ERRCODE = 'AP001';
    END IF;
    IF state.halted IS NULL THEN
        RAISE EXCEPTION 'CT-11: the halt state is gone; nothing is appended without it' USING ERRCODE = 'AP001';
    END IF;

    last_sequence := coalesce(state.last_sequence, 0);
    content_hash := coalesce(state.content_hash, repeat('0', 64));
    event_count := coalesce(state.event_count, 0);
    IF coalesce(state.tail_sequence, 0) <> last_sequence OR coalesce(state.tail_hash, repeat('0', 64)) <> content_hash THEN
        RAISE EXCEPTION 'CT-13: events end at % (%), the head says % (%)',
            coalesce(state.tail_sequence, 0), coalesce(state.tail_hash, 'nothing'), last_sequence, content_hash
            USING ERRCODE = 'AP002';
    END IF;
    IF state.drawn <> last_sequence THEN
        PERFORM setval('events_sequence_seq', greatest(last_sequence, 1), last_sequence > 0);
    END IF;
    authority_timestamp := clock_timestamp();
END
$$;

-- As in 008, row by row in one pass: plpgsql evaluates plain expressions without starting a query,
-- which for a single row costs more than the row. Keys and witnesses are looked up once for each
-- that occurs.
-- The authority time lies between the opening's reading of the clock and now. A clock that was put back
-- since is no reason to refuse (AC4): then it is that reading and no other.
CREATE OR REPLACE FUNCTION check_append() RETURNS trigger
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
                    AND k.agent_id IS NOT DISTINCT FROM u.agent_id AND k.until_sequence IS NULL) THEN 'signing_key'
                WHEN NOT EXISTS (SELECT FROM witnesses w
                    WHERE w.witness_id = u.witness_id AND w.until_sequence IS NULL) THEN 'witness' END AS failed
            FROM (SELECT e.signing_key_id, e.agent_id, e.witness_id, min(e.sequence) AS sequence
                  FROM new_events e GROUP BY 1, 2, 3) u
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

-- What a writer needs of an opening, as the texts that are signed. A function, whose query is
-- planned once a connection and not once an append.
CREATE FUNCTION begin_append(
    patience_ms INTEGER, OUT last_sequence BIGINT, OUT content_hash TEXT, OUT authority_timestamp TEXT, OUT drift_threshold NUMERIC
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
REVOKE ALL ON FUNCTION begin_append FROM PUBLIC;
