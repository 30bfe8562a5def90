-- FR6, FR7: the ledger. `sequence` alone decides the order; the two timestamps inform.
-- The first fourteen columns are the requirement's, in its types; the last three are the
-- format's: which key signed, and the salted hash by which the payload enters the chain.

CREATE TABLE events (
    event_id            UUID        PRIMARY KEY,
    sequence            BIGSERIAL   UNIQUE NOT NULL CHECK (sequence > 0),
    event_type          TEXT        NOT NULL
        CHECK (char_length(event_type) BETWEEN 1 AND 200 AND event_type !~ '[\x01-\x1f\x7f]'),
    payload             JSONB       NOT NULL,
    prev_hash           TEXT        NOT NULL CHECK (prev_hash ~ '^[0-9a-f]{64}$'),
    content_hash        TEXT        NOT NULL CHECK (content_hash ~ '^[0-9a-f]{64}$'),
    signature           TEXT        NOT NULL CHECK (signature ~ '^[A-Za-z0-9+/]{86}==$'),
    hash_alg_version    SMALLINT    NOT NULL DEFAULT 1 CHECK (hash_alg_version = 1),
    sig_alg_version     SMALLINT    NOT NULL DEFAULT 1 CHECK (sig_alg_version = 1),
    agent_id            TEXT
        CHECK (char_length(agent_id) BETWEEN 1 AND 200 AND agent_id !~ '[\x01-\x1f\x7f]'),
    witness_id          TEXT        NOT NULL CHECK (witness_id ~ '^WITNESS:.'),
    witness_signature   TEXT        NOT NULL CHECK (witness_signature ~ '^[A-Za-z0-9+/]{86}==$'),
    local_timestamp     TIMESTAMPTZ NOT NULL
        CHECK (local_timestamp >= '0001-01-01T00:00:00Z' AND local_timestamp < '10000-01-01T00:00:00Z'),
    authority_timestamp TIMESTAMPTZ NOT NULL DEFAULT now()
        CHECK (authority_timestamp >= '0001-01-01T00:00:00Z' AND authority_timestamp < '10000-01-01T00:00:00Z'),
    signing_key_id      TEXT        NOT NULL CHECK (signing_key_id <> ''),
    payload_hash        TEXT        NOT NULL CHECK (payload_hash ~ '^[0-9a-f]{64}$'),
    payload_salt        TEXT        NOT NULL CHECK (payload_salt ~ '^[0-9a-f]{64}$')
);

-- Filters keep sequence order, so each filtered column carries the sequence with it. The two
-- clocks follow the sequence but for drift: a block range index costs an append next to nothing,
-- and the multi-range kind is not blinded by one clock stuck in 1970.
CREATE INDEX events_agent_id_sequence ON events (agent_id, sequence);
CREATE INDEX events_event_type_sequence ON events (event_type, sequence);
CREATE INDEX events_authority_timestamp ON events
    USING brin (authority_timestamp timestamptz_minmax_multi_ops) WITH (pages_per_range = 32);
CREATE INDEX events_local_timestamp ON events
    USING brin (local_timestamp timestamptz_minmax_multi_ops) WITH (pages_per_range = 32);

COMMENT ON TABLE events IS 'Append-only, hash-chained, signed and witnessed events (FR6, FR7, CT-12)';
COMMENT ON COLUMN events.sequence IS 'AC3: the authoritative order, without a gap';
COMMENT ON COLUMN events.local_timestamp IS 'AC1: the writer''s own clock';
COMMENT ON COLUMN events.authority_timestamp IS 'AC1: the database''s clock, read under the append lock';

-- Append-only. The refusal consults no setting, holds for the owner too, and ENABLE ALWAYS keeps
-- it in force under session_replication_role = replica. Statement level: an UPDATE that matches
-- no row is refused as well, and so is TRUNCATE.
CREATE FUNCTION refuse_change() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    RAISE EXCEPTION 'FR7: % on % is refused: the table is append-only', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'AP004';
END
$$;

CREATE TRIGGER refuse_change_of_events
    BEFORE UPDATE OR DELETE OR TRUNCATE ON events
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE events ENABLE ALWAYS TRIGGER refuse_change_of_events;
