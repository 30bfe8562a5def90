-- fragment: inserted_columns
-- The columns of an event, in the order of its fields, without `sequence`. That is left to the
-- BIGSERIAL: under the lock it draws exactly the numbers that were signed, and the trigger
-- check_append proves it.
event_id, event_type, payload, prev_hash, content_hash, signature, hash_alg_version, sig_alg_version,
agent_id, witness_id, witness_signature, local_timestamp, authority_timestamp, signing_key_id,
payload_hash, payload_salt

-- fragment: opening
-- Take the lock; read the head, this append's authority time and the drift threshold.
SELECT last_sequence, content_hash, authority_timestamp, drift_threshold FROM begin_append(%(patience)s)

-- name: open_append
-- Take the lock until the transaction ends, and read the head.
-- include: append.opening

-- name: begin_and_open
-- The same in a new transaction, in one message.
BEGIN ISOLATION LEVEL READ COMMITTED;
-- include: append.opening

-- name: insert_events
-- Insert events, given as one array for each column.
INSERT INTO events (
    -- include: append.inserted_columns
)
SELECT
    -- include: append.inserted_columns
FROM unnest(
    %(event_id)s::uuid[], %(event_type)s::text[], %(payload)s::text[]::jsonb[], %(prev_hash)s::text[],
    %(content_hash)s::text[], %(signature)s::text[], %(hash_alg_version)s::smallint[], %(sig_alg_version)s::smallint[],
    %(agent_id)s::text[], %(witness_id)s::text[], %(witness_signature)s::text[], %(local_timestamp)s::timestamptz[],
    %(authority_timestamp)s::timestamptz[], %(signing_key_id)s::text[],
    %(payload_hash)s::text[], %(payload_salt)s::text[]
) WITH ORDINALITY AS new (
    -- include: append.inserted_columns
    , position)
ORDER BY position

-- name: confirm_append
-- Check that the triggers recorded the append.
SELECT confirm_append()

-- name: copy_and_commit
-- Receive events, check that the triggers recorded the append, and commit, in one message.
COPY events (
    -- include: append.inserted_columns
) FROM STDIN;
SELECT confirm_append();
COMMIT
