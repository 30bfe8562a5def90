-- As events_ascending.sql, newest first.
SELECT event_id, sequence, event_type, payload, prev_hash, content_hash, signature, hash_alg_version, sig_alg_version,
    agent_id, witness_id, witness_signature, local_timestamp, authority_timestamp, signing_key_id, payload_hash, payload_salt
FROM canonical_events e
WHERE (%(start)s::bigint IS NULL OR sequence >= %(start)s::bigint)
  AND (%(end)s::bigint IS NULL OR sequence <= %(end)s::bigint)
  AND (%(event_types)s::text[] IS NULL OR event_type = ANY (%(event_types)s::text[]))
  AND (%(agent_id)s::text IS NULL OR agent_id = %(agent_id)s::text)
  AND (%(local_from)s::timestamptz IS NULL OR local_time >= %(local_from)s::timestamptz)
  AND (%(local_to)s::timestamptz IS NULL OR local_time < %(local_to)s::timestamptz)
  AND (%(authority_from)s::timestamptz IS NULL OR authority_time >= %(authority_from)s::timestamptz)
  AND (%(authority_to)s::timestamptz IS NULL OR authority_time < %(authority_to)s::timestamptz)
  AND (%(drifted)s::boolean IS NULL OR %(drifted)s::boolean = EXISTS (
        SELECT FROM clock_drift_warnings w WHERE w.event_id = e.event_uuid))
ORDER BY sequence DESC
LIMIT %(limit)s
