-- Warnings by time, size and direction. A time is counted in steps from `origin`, a size by the
-- first of `sizes` above it.
SELECT floor(extract(epoch FROM w.authority_timestamp - %(origin)s::timestamptz) / %(step)s::numeric)::int,
       width_bucket(w.drift_seconds, %(sizes)s::numeric[]), w.local_timestamp > w.authority_timestamp, count(*)
FROM clock_drift_warnings w
WHERE w.id BETWEEN %(low)s::bigint AND %(high)s::bigint
  AND (%(authority_from)s::timestamptz IS NULL OR w.authority_timestamp >= %(authority_from)s::timestamptz)
  AND (%(authority_to)s::timestamptz IS NULL OR w.authority_timestamp < %(authority_to)s::timestamptz)
  AND isfinite(w.authority_timestamp) AND isfinite(w.local_timestamp)
  AND (%(min_seconds)s::numeric IS NULL OR w.drift_seconds >= %(min_seconds)s::numeric)
  AND (%(agent_id)s::text IS NULL OR EXISTS (
        SELECT FROM events e WHERE e.event_id = w.event_id AND e.agent_id = %(agent_id)s::text))
GROUP BY 1, 2, 3
