-- Warnings in a range of pages about events that do not exist.
SELECT NULL::bigint, w.event_id::text
FROM clock_drift_warnings w
WHERE w.ctid >= %(first)s::tid AND w.ctid < %(end)s::tid
  AND NOT EXISTS (SELECT FROM events e WHERE e.event_id = w.event_id)
LIMIT %(limit)s
