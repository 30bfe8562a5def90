-- As events_ascending.sql with `drifted` true, starting from the warnings: the planner assumes that
-- drift is spread evenly, and would scan all events of an agent that has none. drifted_events is
-- indexed by agent, so an agent without drift costs nothing.
SELECT
    e.event_id, e.sequence, e.event_type, e.payload, e.prev_hash, e.content_hash, e.signature, e.hash_alg_version,
    e.sig_alg_version, e.agent_id, e.witness_id, e.witness_signature, e.local_timestamp, e.authority_timestamp,
    e.signing_key_id, e.payload_hash, e.payload_salt
FROM (
    SELECT sequence FROM drifted_events d JOIN events c USING (sequence)
    WHERE (%(start)s::bigint IS NULL OR sequence >= %(start)s::bigint)
      AND (%(end)s::bigint IS NULL OR sequence <= %(end)s::bigint)
      AND (%(event_types)s::text[] IS NULL OR c.event_type = ANY (%(event_types)s::text[]))
      AND (%(agent_id)s::text IS NULL OR d.agent_id = %(agent_id)s::text)
      AND (%(system)s::boolean IS NULL OR %(system)s::boolean = (d.agent_id IS NULL))
      AND (%(local_from)s::timestamptz IS NULL OR c.local_timestamp >= %(local_from)s::timestamptz)
      AND (%(local_to)s::timestamptz IS NULL OR c.local_timestamp < %(local_to)s::timestamptz)
      AND (%(authority_from)s::timestamptz IS NULL OR c.authority_timestamp >= %(authority_from)s::timestamptz)
      AND (%(authority_to)s::timestamptz IS NULL OR c.authority_timestamp < %(authority_to)s::timestamptz)
      AND (%(payload_path)s::text[] IS NULL
           OR c.payload #> %(payload_path)s::text[] = ANY (ARRAY[%(payload_value)s, %(payload_text)s]::jsonb[]))
    ORDER BY sequence
    LIMIT %(limit)s
) chosen
JOIN canonical_events e USING (sequence)
ORDER BY sequence
