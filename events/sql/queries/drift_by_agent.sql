SELECT e.agent_id, count(*) AS warnings,
       percentile_disc(0.5) WITHIN GROUP (ORDER BY w.drift_seconds) AS median_seconds,
       percentile_disc(0.95) WITHIN GROUP (ORDER BY w.drift_seconds) AS p95_seconds,
       max(w.drift_seconds) AS worst_seconds,
       count(*) FILTER (WHERE w.local_timestamp > w.authority_timestamp) AS ahead,
       min(e.sequence) AS first_sequence, max(e.sequence) AS last_sequence
FROM clock_drift_warnings w JOIN events e ON e.event_id = w.event_id
WHERE (%(start)s::bigint IS NULL OR e.sequence >= %(start)s::bigint)
  AND (%(end)s::bigint IS NULL OR e.sequence <= %(end)s::bigint)
GROUP BY e.agent_id
ORDER BY worst_seconds DESC, e.agent_id
