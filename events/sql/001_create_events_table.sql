-- FR6, FR7: the ledger is one append-only table.

-- PostgreSQL lets everybody call a new function. Many of the ledger's functions run with its owner's
-- rights, so each is closed from its creation on, and grants.sql opens those that a role needs.
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON ROUTINES FROM PUBLIC;

-- `sequence` alone decides the order; the two timestamps are information. The first fourteen columns
-- are the requirement's, with its types. The last three belong to the event format: the key that
-- signed, and the salted hash by which the payload enters the chain.
-- The checks of hashes and signatures compare a length and a character class, because a counted
-- repetition such as ^[0-9a-f]{64}$ takes ten times as long and dominated the cost of a row.
CREATE TABLE events (
    event_id            UUID        PRIMARY KEY,
    sequence            BIGSERIAL   UNIQUE NOT NULL CHECK (sequence > 0),
    event_type          TEXT        NOT NULL CHECK (is_text(event_type, 200)),
    payload             JSONB       NOT NULL,
    prev_hash           TEXT        NOT NULL CHECK (octet_length(prev_hash) = 64 AND prev_hash !~ '[^0-9a-f]'),
    content_hash        TEXT        NOT NULL CHECK (octet_length(content_hash) = 64 AND content_hash !~ '[^0-9a-f]'),
    signature           TEXT        NOT NULL
        CHECK (octet_length(signature) = 88 AND right(signature, 2) = '=='
               AND left(signature, 86) !~ '[^A-Za-z0-9+/]'),
    hash_alg_version    SMALLINT    NOT NULL DEFAULT 1 CHECK (hash_alg_version = 1),
    sig_alg_version     SMALLINT    NOT NULL DEFAULT 1 CHECK (sig_alg_version IN (1, 2)),
    agent_id            TEXT        CHECK (is_text(agent_id, 200)),
    witness_id          TEXT        NOT NULL CHECK (witness_id ~ '^WITNESS:.'),
    witness_signature   TEXT        NOT NULL
        CHECK (octet_length(witness_signature) = 88 AND right(witness_signature, 2) = '=='
               AND left(witness_signature, 86) !~ '[^A-Za-z0-9+/]'),
    local_timestamp     TIMESTAMPTZ NOT NULL
        CHECK (local_timestamp >= '0001-01-01T00:00:00Z' AND local_timestamp < '10000-01-01T00:00:00Z'),
    authority_timestamp TIMESTAMPTZ NOT NULL DEFAULT now()
        CHECK (authority_timestamp >= '0001-01-01T00:00:00Z' AND authority_timestamp < '10000-01-01T00:00:00Z'),
    signing_key_id      TEXT        NOT NULL CHECK (signing_key_id <> ''),
    payload_hash        TEXT        NOT NULL CHECK (octet_length(payload_hash) = 64 AND payload_hash !~ '[^0-9a-f]'),
    payload_salt        TEXT        NOT NULL CHECK (octet_length(payload_salt) = 64 AND payload_salt !~ '[^0-9a-f]'),
    CONSTRAINT events_type_of_an_agent CHECK (agent_id IS NULL OR NOT imitates_system(event_type))
) WITH (
    -- Gaps are counted by index-only scans, which skip the table only for pages that a vacuum has
    -- marked. The default waits for a fifth of the table to be new, so the unmarked part would grow
    -- with the ledger. There are no dead rows: each vacuum reads only the new pages.
    autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 100000,
    autovacuum_analyze_scale_factor = 0.05
);
COMMENT ON TABLE events IS 'Append-only, hash-chained, signed and witnessed events (FR6, FR7, CT-12)';
COMMENT ON COLUMN events.sequence IS 'AC3: the authoritative order, without a gap';
COMMENT ON COLUMN events.local_timestamp IS 'AC1: the writer''s own clock';
COMMENT ON COLUMN events.authority_timestamp IS 'AC1: the database''s clock, read under the append lock';

-- Filtered lists are in sequence order, so each filtered column is indexed together with the sequence.
-- Apart from drift the two clocks follow the sequence, so block range indexes serve, which cost an
-- append next to nothing. The multi-range kind stays selective when one clock is stuck in 1970.
CREATE INDEX events_agent_id_sequence ON events (agent_id, sequence);
CREATE INDEX events_event_type_sequence ON events (event_type, sequence);
CREATE INDEX events_authority_timestamp ON events
    USING brin (authority_timestamp timestamptz_minmax_multi_ops) WITH (pages_per_range = 32);
CREATE INDEX events_local_timestamp ON events
    USING brin (local_timestamp timestamptz_minmax_multi_ops) WITH (pages_per_range = 32);

-- Gaps are counted in blocks of 4,096 sequence numbers. Without these statistics the planner expects as
-- many blocks as numbers, and neither counts in parallel nor hashes in memory. ANALYZE fills them.
CREATE STATISTICS events_blocks ON ((sequence - 1) / 4096) FROM events;

-- --- Append-only -----------------------------------------------------------------------------------

-- Refuses a statement that changes an append-only table. It depends on no setting and holds for the
-- owner too; ENABLE ALWAYS keeps its triggers in force under session_replication_role = replica.
-- The triggers are statement-level, so TRUNCATE is refused, and an UPDATE that matches no row as well.
CREATE FUNCTION refuse_change() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    RAISE EXCEPTION 'FR7: % on % is refused: the table is append-only', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'AP004';
END
$$;

-- The payload that replaces an erased one; its salt is 64 zeros.
CREATE FUNCTION erasure_marker(ceremony_id UUID, ceremony_sequence BIGINT) RETURNS JSONB
LANGUAGE sql IMMUTABLE
RETURN jsonb_build_object('erased', jsonb_build_object(
    'ceremony_id', ceremony_id, 'ceremony_sequence', ceremony_sequence));

-- Refuses every UPDATE of an event but one: the erasure of a payload by the transaction that records
-- the ceremony which decided it. It fires once for the statement and then for each row.
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

CREATE TRIGGER refuse_change_of_events
    BEFORE UPDATE ON events FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_but_erasure();
CREATE TRIGGER refuse_change_of_event
    BEFORE UPDATE ON events FOR EACH ROW EXECUTE FUNCTION refuse_change_but_erasure();
CREATE TRIGGER refuse_removal_of_events
    BEFORE DELETE OR TRUNCATE ON events FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE events ENABLE ALWAYS TRIGGER refuse_change_of_events;
ALTER TABLE events ENABLE ALWAYS TRIGGER refuse_change_of_event;
ALTER TABLE events ENABLE ALWAYS TRIGGER refuse_removal_of_events;
