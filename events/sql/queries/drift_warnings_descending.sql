-- As drift_warnings.sql, newest first.
SELECT w.id, e.sequence, w.event_id::text, e.event_type, e.agent_id,
       to_char(w.local_timestamp AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
       to_char(w.authority_timestamp AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
       w.drift_seconds, w.local_timestamp > w.authority_timestamp AS ahead
FROM clock_drift_warnings w JOIN events e ON e.event_id = w.event_id
WHERE (%(before)s::bigint IS NULL OR w.id < %(before)s::bigint)
  AND (%(agent_id)s::text IS NULL OR e.agent_id = %(agent_id)s::text)
  AND (%(min_seconds)s::numeric IS NULL OR w.drift_seconds >= %(min_seconds)s::numeric)
  AND (%(authority_from)s::timestamptz IS NULL OR w.authority_timestamp >= %(authority_from)s::timestamptz)
  AND (%(authority_to)s::timestamptz IS NULL OR w.authority_timestamp < %(authority_to)s::timestamptz)
ORDER BY w.id DESC
LIMIT %(limit)s
