-- The system's own events of a type, in order, after a sequence.
SELECT event_id, sequence, event_type, payload, prev_hash, content_hash, signature, hash_alg_version, sig_alg_version,
    agent_id, witness_id, witness_signature, local_timestamp, authority_timestamp, signing_key_id, payload_hash, payload_salt
FROM canonical_events
WHERE event_type = %(event_type)s AND agent_id IS NULL AND sequence > %(after)s::bigint
ORDER BY sequence
LIMIT %(limit)s
