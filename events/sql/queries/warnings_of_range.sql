-- The drift warnings of the events of a range.
SELECT e.sequence, w.id, canonical_time(w.local_timestamp), canonical_time(w.authority_timestamp), w.drift_seconds
FROM events e JOIN clock_drift_warnings w ON w.event_id = e.event_id
WHERE e.sequence BETWEEN %(start)s::bigint AND %(end)s::bigint
ORDER BY e.sequence, w.id
