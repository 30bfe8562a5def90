-- A range without a filter, by the sequence index alone.
SELECT event_id, sequence, event_type, payload, prev_hash, content_hash, signature, hash_alg_version, sig_alg_version,
    agent_id, witness_id, witness_signature, local_timestamp, authority_timestamp, signing_key_id, payload_hash, payload_salt
FROM canonical_events
WHERE sequence BETWEEN %(start)s::bigint AND %(end)s::bigint
ORDER BY sequence
LIMIT %(limit)s
