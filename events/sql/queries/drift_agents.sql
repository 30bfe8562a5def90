-- As drift_by_agent.sql, over the warnings low … high, and which event was the worst.
SELECT e.agent_id, count(*) AS warnings,
       percentile_disc(0.5) WITHIN GROUP (ORDER BY w.drift_seconds) AS median_seconds,
       percentile_disc(0.95) WITHIN GROUP (ORDER BY w.drift_seconds) AS p95_seconds,
       max(w.drift_seconds) AS worst_seconds,
       (array_agg(e.sequence ORDER BY w.drift_seconds DESC, w.id))[1] AS worst_sequence,
       (array_agg(w.authority_timestamp ORDER BY w.drift_seconds DESC, w.id))[1] AS worst_at,
       (array_agg(w.local_timestamp > w.authority_timestamp ORDER BY w.drift_seconds DESC, w.id))[1] AS worst_ahead,
       count(*) FILTER (WHERE w.local_timestamp > w.authority_timestamp) AS ahead,
       min(e.sequence) AS first_sequence, max(e.sequence) AS last_sequence,
       to_char(min(w.authority_timestamp) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS first_seen,
       to_char(max(w.authority_timestamp) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS last_seen
FROM clock_drift_warnings w JOIN events e ON e.event_id = w.event_id
WHERE w.id BETWEEN %(low)s::bigint AND %(high)s::bigint
  AND (%(authority_from)s::timestamptz IS NULL OR w.authority_timestamp >= %(authority_from)s::timestamptz)
  AND (%(authority_to)s::timestamptz IS NULL OR w.authority_timestamp < %(authority_to)s::timestamptz)
  AND isfinite(w.authority_timestamp) AND isfinite(w.local_timestamp)
  AND (%(min_seconds)s::numeric IS NULL OR w.drift_seconds >= %(min_seconds)s::numeric)
  AND (%(agent_id)s::text IS NULL OR e.agent_id = %(agent_id)s::text)
GROUP BY e.agent_id
ORDER BY worst_seconds DESC, e.agent_id
