-- name: copy_rows
-- Every event of a range with the texts that are hashed and signed, in the order of its fields.
COPY (
    SELECT
        -- include: shared.event_columns
    FROM canonical_events WHERE sequence BETWEEN %(start)s::bigint AND %(end)s::bigint ORDER BY sequence
) TO STDOUT (FORMAT binary)

-- name: copy_lines
-- A range for an export, with the payload last. A value that contains a separator byte, or is an
-- empty text, is quoted.
COPY (
    SELECT event_id, sequence, event_type, prev_hash, content_hash, signature, hash_alg_version, sig_alg_version,
        agent_id, witness_id, witness_signature, local_timestamp, authority_timestamp, signing_key_id, payload_hash,
        payload_salt, payload
    FROM canonical_events WHERE sequence BETWEEN %(start)s::bigint AND %(end)s::bigint ORDER BY sequence
) TO STDOUT (FORMAT csv, DELIMITER E'\x1f', QUOTE E'\x01', NULL '')
