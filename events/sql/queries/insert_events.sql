-- `sequence` is left to the BIGSERIAL: under the lock it draws exactly the numbers that were
-- signed, and the trigger check_append proves it.
INSERT INTO events (
    event_id, event_type, payload, prev_hash, content_hash, signature, hash_alg_version, sig_alg_version, agent_id,
    witness_id, witness_signature, local_timestamp, authority_timestamp, signing_key_id, payload_hash, payload_salt)
SELECT event_id, event_type, payload::jsonb, prev_hash, content_hash, signature, hash_alg_version, sig_alg_version, agent_id,
    witness_id, witness_signature, local_timestamp, authority_timestamp, signing_key_id, payload_hash, payload_salt
FROM unnest(
    %(event_id)s::uuid[], %(event_type)s::text[], %(payload)s::text[], %(prev_hash)s::text[], %(content_hash)s::text[],
    %(signature)s::text[], %(hash_alg_version)s::smallint[], %(sig_alg_version)s::smallint[], %(agent_id)s::text[],
    %(witness_id)s::text[], %(witness_signature)s::text[], %(local_timestamp)s::timestamptz[],
    %(authority_timestamp)s::timestamptz[], %(signing_key_id)s::text[], %(payload_hash)s::text[], %(payload_salt)s::text[]
) WITH ORDINALITY AS new (
    event_id, event_type, payload, prev_hash, content_hash, signature, hash_alg_version, sig_alg_version, agent_id,
    witness_id, witness_signature, local_timestamp, authority_timestamp, signing_key_id, payload_hash, payload_salt, position)
ORDER BY position
