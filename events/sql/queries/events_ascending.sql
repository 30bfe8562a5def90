-- A filter that is not given is NULL, and the planner drops its line. Times are half-open. The
-- inner query filters on the table's own columns and indexes; only its result is formatted.
SELECT
    e.event_id, e.sequence, e.event_type, e.payload, e.prev_hash, e.content_hash, e.signature, e.hash_alg_version,
    e.sig_alg_version, e.agent_id, e.witness_id, e.witness_signature, e.local_timestamp, e.authority_timestamp,
    e.signing_key_id, e.payload_hash, e.payload_salt
FROM (
    SELECT sequence FROM events c
    WHERE (%(start)s::bigint IS NULL OR sequence >= %(start)s::bigint)
      AND (%(end)s::bigint IS NULL OR sequence <= %(end)s::bigint)
      AND (%(event_types)s::text[] IS NULL OR event_type = ANY (%(event_types)s::text[]))
      AND (%(agent_id)s::text IS NULL OR agent_id = %(agent_id)s::text)
      AND (%(system)s::boolean IS NULL OR %(system)s::boolean = (agent_id IS NULL))
      AND (%(local_from)s::timestamptz IS NULL OR local_timestamp >= %(local_from)s::timestamptz)
      AND (%(local_to)s::timestamptz IS NULL OR local_timestamp < %(local_to)s::timestamptz)
      AND (%(authority_from)s::timestamptz IS NULL OR authority_timestamp >= %(authority_from)s::timestamptz)
      AND (%(authority_to)s::timestamptz IS NULL OR authority_timestamp < %(authority_to)s::timestamptz)
      AND (%(payload_path)s::text[] IS NULL
           OR payload #> %(payload_path)s::text[] = ANY (ARRAY[%(payload_value)s, %(payload_text)s]::jsonb[]))
      AND (%(drifted)s::boolean IS NULL OR %(drifted)s::boolean = EXISTS (
            SELECT FROM clock_drift_warnings w WHERE w.event_id = c.event_id))
    ORDER BY sequence
    LIMIT %(limit)s
) chosen
JOIN canonical_events e USING (sequence)
ORDER BY sequence
