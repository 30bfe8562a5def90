-- The hash chain in SQL: the text that is signed of an event, its hash, the head, and a check of the
-- chain for an auditor who has nothing but psql. docs/event-format.md describes the same bytes.

-- A time as it is signed, such as 2026-01-06T12:00:00.000000Z. Times outside the format's years 1 to
-- 9999 keep PostgreSQL's own form: to_char would print years before 1 without their era, and infinity
-- as an empty text, so a time that no event may have could read as a valid one.
CREATE FUNCTION canonical_time(moment TIMESTAMPTZ) RETURNS TEXT
LANGUAGE sql STABLE PARALLEL SAFE
RETURN CASE WHEN moment >= '0001-01-01T00:00:00Z'::timestamptz AND moment < '10000-01-01T00:00:00Z'::timestamptz
            THEN to_char(moment AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
            ELSE moment::text END;

-- The canonical JSON of the twelve signed fields, keys in order (RFC 8785). The strings hold no control
-- character, so to_json escapes exactly as the RFC says. It takes scalars and not a row, so that the
-- planner can inline it into the trigger that checks every append.
CREATE FUNCTION signable_content(
    agent_id TEXT, authority_timestamp TIMESTAMPTZ, event_id UUID, event_type TEXT, hash_alg_version SMALLINT,
    local_timestamp TIMESTAMPTZ, payload_hash TEXT, prev_hash TEXT, sequence BIGINT, sig_alg_version SMALLINT,
    signing_key_id TEXT, witness_id TEXT
) RETURNS TEXT
LANGUAGE sql STABLE PARALLEL SAFE
RETURN '{"agent_id":' || coalesce(to_json(agent_id)::text, 'null')
    || ',"authority_timestamp":"' || canonical_time(authority_timestamp)
    || '","event_id":"' || event_id::text
    || '","event_type":' || to_json(event_type)::text
    || ',"hash_alg_version":' || hash_alg_version
    || ',"local_timestamp":"' || canonical_time(local_timestamp)
    || '","payload_hash":"' || payload_hash
    || '","prev_hash":"' || prev_hash
    || '","sequence":' || sequence
    || ',"sig_alg_version":' || sig_alg_version
    || ',"signing_key_id":' || to_json(signing_key_id)::text
    || ',"witness_id":' || to_json(witness_id)::text || '}';

-- The hash of an event: hex(SHA-256(0x00 || signable content)), the leaf hash of RFC 6962.
CREATE FUNCTION content_hash_of(
    agent_id TEXT, authority_timestamp TIMESTAMPTZ, event_id UUID, event_type TEXT, hash_alg_version SMALLINT,
    local_timestamp TIMESTAMPTZ, payload_hash TEXT, prev_hash TEXT, sequence BIGINT, sig_alg_version SMALLINT,
    signing_key_id TEXT, witness_id TEXT
) RETURNS TEXT
LANGUAGE sql STABLE PARALLEL SAFE
RETURN encode(sha256('\x00'::bytea || convert_to(signable_content(
    agent_id, authority_timestamp, event_id, event_type, hash_alg_version, local_timestamp,
    payload_hash, prev_hash, sequence, sig_alg_version, signing_key_id, witness_id), 'UTF8')), 'hex');

-- Every event with the texts of the event format: times as canonical text, the payload as text. It
-- leaves out rows without a positive sequence, which only a superuser could insert: they are no events,
-- and verifications report them.
CREATE VIEW canonical_events AS
SELECT event_id::text AS event_id, sequence, event_type, payload::text AS payload,
       prev_hash, content_hash, signature, hash_alg_version, sig_alg_version, agent_id,
       witness_id, witness_signature,
       canonical_time(local_timestamp) AS local_timestamp, canonical_time(authority_timestamp) AS authority_timestamp,
       signing_key_id, payload_hash, payload_salt,
       event_id AS event_uuid, local_timestamp AS local_time, authority_timestamp AS authority_time
FROM events WHERE sequence >= 1;
COMMENT ON VIEW canonical_events IS 'Events with the texts that are hashed and signed';

-- One row for each append transaction. The last row is the head, which says how the ledger must end.
-- A new row for each append, because updating a single head row in place would leave dead rows that
-- accumulate while a long snapshot is open.
CREATE TABLE appends (
    last_sequence       BIGINT      PRIMARY KEY,
    first_sequence      BIGINT      NOT NULL CHECK (first_sequence BETWEEN 1 AND last_sequence),
    content_hash        TEXT        NOT NULL CHECK (octet_length(content_hash) = 64 AND content_hash !~ '[^0-9a-f]'),
    authority_timestamp TIMESTAMPTZ NOT NULL
        CHECK (authority_timestamp >= '0001-01-01T00:00:00Z' AND authority_timestamp < '10000-01-01T00:00:00Z'),
    event_count         BIGINT      NOT NULL CHECK (event_count BETWEEN 1 AND last_sequence)
);
COMMENT ON TABLE appends IS 'One row per append; the last one is the head: events that end elsewhere have been cut';

CREATE TRIGGER refuse_change_of_appends
    BEFORE UPDATE OR DELETE OR TRUNCATE ON appends
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE appends ENABLE ALWAYS TRIGGER refuse_change_of_appends;

-- Checks the chain from first_sequence to last_sequence, by default to the head, and returns one row for
-- each finding; no row means that the chain is sound. `SELECT * FROM verify_chain(1, 1000);`
-- It does not check signatures and payload hashes, which `manage.py verify_ledger` checks as well.
CREATE FUNCTION verify_chain(first_sequence BIGINT DEFAULT 1, last_sequence BIGINT DEFAULT NULL)
RETURNS TABLE (sequence BIGINT, failed_check TEXT, expected TEXT, found TEXT)
LANGUAGE sql STABLE AS $$
    WITH head AS (
        SELECT a.last_sequence, a.content_hash FROM appends a ORDER BY a.last_sequence DESC LIMIT 1
    ), bounds AS (
        SELECT greatest(verify_chain.first_sequence, 1) AS first,
               least(verify_chain.last_sequence,
                     greatest((SELECT h.last_sequence FROM head h), (SELECT max(e.sequence) FROM events e), 0)) AS last
    ), rows AS (
        SELECT e.sequence, e.prev_hash, e.content_hash, content_hash_of(
                   e.agent_id, e.authority_timestamp, e.event_id, e.event_type, e.hash_alg_version, e.local_timestamp,
                   e.payload_hash, e.prev_hash, e.sequence, e.sig_alg_version, e.signing_key_id, e.witness_id
               ) AS recomputed
        FROM events e, bounds b
        WHERE e.sequence BETWEEN greatest(b.first - 1, 1) AND b.last
        UNION ALL
        SELECT b.last + 1, NULL, NULL, NULL FROM bounds b -- makes a missing tail a gap like any other
    ), linked AS (
        SELECT r.*, b.first, b.last, h.last_sequence AS head_sequence, h.content_hash AS head_hash,
               coalesce(lag(r.sequence) OVER w, b.first - 1) AS previous_sequence,
               coalesce(lag(r.content_hash) OVER w, repeat('0', 64)) AS previous_hash
        FROM rows r CROSS JOIN bounds b LEFT JOIN head h ON true
        WINDOW w AS (ORDER BY r.sequence)
    ), checked AS (
        SELECT * FROM linked l WHERE l.sequence >= l.first
    )
    SELECT c.previous_sequence + 1, 'gap', 'sequences up to ' || c.sequence - 1, 'missing'
    FROM checked c WHERE c.sequence > c.previous_sequence + 1
    UNION ALL
    SELECT c.sequence, 'gap', 'one event of this number', 'another one'
    FROM checked c WHERE c.sequence <= c.last AND c.sequence = c.previous_sequence
    UNION ALL
    SELECT e.sequence, 'gap', 'a number from 1 on', 'event ' || e.event_id
    FROM events e, bounds b WHERE b.first = 1 AND (e.sequence < 1 OR e.sequence IS NULL)
    UNION ALL
    -- If a signed field is NULL, so is the recomputed hash, and that is a finding too.
    SELECT c.sequence, 'content_hash', c.recomputed, c.content_hash
    FROM checked c WHERE c.sequence <= c.last
        AND (c.recomputed IS NULL OR c.content_hash IS DISTINCT FROM c.recomputed)
    UNION ALL
    SELECT c.sequence, 'prev_hash', c.previous_hash, c.prev_hash
    FROM checked c WHERE c.sequence <= c.last AND c.sequence = c.previous_sequence + 1
        AND c.prev_hash IS DISTINCT FROM c.previous_hash
        -- The first event of a range cannot be compared if its predecessor is missing.
        AND (c.sequence = 1 OR EXISTS (SELECT FROM events e WHERE e.sequence = c.sequence - 1))
    UNION ALL
    SELECT c.sequence, 'head', 'the ledger ends at ' || coalesce(c.head_sequence, 0), 'an event beyond the head'
    FROM checked c WHERE c.sequence <= c.last AND c.sequence > coalesce(c.head_sequence, 0)
    UNION ALL
    SELECT c.sequence, 'head', c.head_hash, c.content_hash
    FROM checked c WHERE c.sequence <= c.last AND c.sequence = c.head_sequence
        AND c.content_hash IS DISTINCT FROM c.head_hash
    ORDER BY 1, 2
$$;
