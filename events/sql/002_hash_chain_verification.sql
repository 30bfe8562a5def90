-- The chain in SQL: what is signed of a row, its hash, the head, and a check for an auditor
-- who has nothing but psql. docs/event-format.md describes the same bytes.

-- A time as it is signed. to_char prints the years before 1 as those after, without their era, and
-- nothing at all for infinity: what no event can have is printed as PostgreSQL does, so that it is
-- not taken for a time of the format.
CREATE FUNCTION canonical_time(moment TIMESTAMPTZ) RETURNS TEXT
LANGUAGE sql STABLE PARALLEL SAFE
RETURN CASE WHEN moment >= '0001-01-01T00:00:00Z'::timestamptz AND moment < '10000-01-01T00:00:00Z'::timestamptz
            THEN to_char(moment AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
            ELSE moment::text END;

-- Canonical JSON of the twelve signed fields, keys in order (RFC 8785). The strings hold no
-- control character, so to_json escapes exactly what the RFC does. Scalars, not a row, so that
-- the planner inlines it into the trigger that re-checks every append.
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

-- hex(SHA-256(0x00 || signable content)), the RFC 6962 leaf hash.
CREATE FUNCTION content_hash_of(
    agent_id TEXT, authority_timestamp TIMESTAMPTZ, event_id UUID, event_type TEXT, hash_alg_version SMALLINT,
    local_timestamp TIMESTAMPTZ, payload_hash TEXT, prev_hash TEXT, sequence BIGINT, sig_alg_version SMALLINT,
    signing_key_id TEXT, witness_id TEXT
) RETURNS TEXT
LANGUAGE sql STABLE PARALLEL SAFE
RETURN encode(sha256('\x00'::bytea || convert_to(signable_content(
    agent_id, authority_timestamp, event_id, event_type, hash_alg_version, local_timestamp,
    payload_hash, prev_hash, sequence, sig_alg_version, signing_key_id, witness_id), 'UTF8')), 'hex');

-- Every event as the format writes it: timestamps as canonical text, the payload as text. A row
-- outside the sequence, as only a superuser could put there, is no event: nothing reads it by this
-- view, and verifications report it.
CREATE VIEW canonical_events AS
SELECT event_id::text AS event_id, sequence, event_type, payload::text AS payload,
       prev_hash, content_hash, signature, hash_alg_version, sig_alg_version, agent_id,
       witness_id, witness_signature,
       canonical_time(local_timestamp) AS local_timestamp, canonical_time(authority_timestamp) AS authority_timestamp,
       signing_key_id, payload_hash, payload_salt,
       event_id AS event_uuid, local_timestamp AS local_time, authority_timestamp AS authority_time
FROM events WHERE sequence >= 1;
COMMENT ON VIEW canonical_events IS 'Events with the texts that are hashed and signed';

-- One row per append transaction; its last row is the head, the truth about the tail. Appending
-- a row leaves nothing to bloat under a long snapshot, as updating one head row in place would.
CREATE TABLE appends (
    last_sequence       BIGINT      PRIMARY KEY,
    first_sequence      BIGINT      NOT NULL CHECK (first_sequence BETWEEN 1 AND last_sequence),
    content_hash        TEXT        NOT NULL CHECK (content_hash ~ '^[0-9a-f]{64}$'),
    authority_timestamp TIMESTAMPTZ NOT NULL
        CHECK (authority_timestamp >= '0001-01-01T00:00:00Z' AND authority_timestamp < '10000-01-01T00:00:00Z'),
    event_count         BIGINT      NOT NULL CHECK (event_count BETWEEN 1 AND last_sequence)
);
COMMENT ON TABLE appends IS 'One row per append; the last one is the head: events that end elsewhere have been cut';

CREATE TRIGGER refuse_change_of_appends
    BEFORE UPDATE OR DELETE OR TRUNCATE ON appends
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE appends ENABLE ALWAYS TRIGGER refuse_change_of_appends;

-- Findings over first_sequence … last_sequence (to the head by default); no row means sound.
-- SELECT * FROM verify_chain(); -- or verify_chain(1, 1000)
-- Signatures and payload hashes need more than SQL: `manage.py verify_ledger` checks those too.
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
                   e.payload_hash, e.prev_hash, e.sequence, e.sig_alg_version, e.signing_key_id, e.witness_id) AS recomputed
        FROM events e, bounds b
        WHERE e.sequence BETWEEN greatest(b.first - 1, 1) AND b.last
        UNION ALL
        SELECT b.last + 1, NULL, NULL, NULL FROM bounds b -- so that a missing tail is a gap like any other
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
    -- Without a field that is signed there is no hash of it either, and two NULLs are no agreement.
    SELECT c.sequence, 'content_hash', c.recomputed, c.content_hash
    FROM checked c WHERE c.sequence <= c.last AND (c.recomputed IS NULL OR c.content_hash IS DISTINCT FROM c.recomputed)
    UNION ALL
    SELECT c.sequence, 'prev_hash', c.previous_hash, c.prev_hash
    FROM checked c WHERE c.sequence <= c.last AND c.sequence = c.previous_sequence + 1 AND c.prev_hash IS DISTINCT FROM c.previous_hash
        -- the first event of a range whose predecessor is missing has nothing to be compared with
        AND (c.sequence = 1 OR EXISTS (SELECT FROM events e WHERE e.sequence = c.sequence - 1))
    UNION ALL
    SELECT c.sequence, 'head', 'the ledger ends at ' || coalesce(c.head_sequence, 0), 'an event beyond the head'
    FROM checked c WHERE c.sequence <= c.last AND c.sequence > coalesce(c.head_sequence, 0)
    UNION ALL
    SELECT c.sequence, 'head', c.head_hash, c.content_hash
    FROM checked c WHERE c.sequence <= c.last AND c.sequence = c.head_sequence AND c.content_hash IS DISTINCT FROM c.head_hash
    ORDER BY 1, 2
$$;
