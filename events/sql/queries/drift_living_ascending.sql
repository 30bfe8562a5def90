-- As drift_living_descending.sql, oldest first, `after` the event of a warning; NULL for all.
SELECT w.id, e.sequence, w.event_id::text, e.event_type, e.agent_id,
       to_char(w.local_timestamp AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
       to_char(w.authority_timestamp AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
       w.drift_seconds, w.local_timestamp > w.authority_timestamp AS ahead
FROM drifted_events d JOIN events e USING (sequence) JOIN clock_drift_warnings w ON w.event_id = e.event_id
     LEFT JOIN unnest(%(import_agents)s::text[], %(import_ranges)s::int8multirange[])
     AS i (agent_id, ranges) ON i.agent_id = d.agent_id
WHERE (d.agent_id IS NULL OR NOT coalesce(i.ranges @> d.sequence, false)
       AND NOT %(any_agent)s::int8multirange @> d.sequence)
  AND (%(agent_id)s::text IS NULL OR d.agent_id = %(agent_id)s::text)
  AND (%(min_seconds)s::numeric IS NULL OR w.drift_seconds >= %(min_seconds)s::numeric)
  AND (%(authority_from)s::timestamptz IS NULL OR w.authority_timestamp >= %(authority_from)s::timestamptz)
  AND (%(authority_to)s::timestamptz IS NULL OR w.authority_timestamp < %(authority_to)s::timestamptz)
  AND d.sequence > coalesce(
       (SELECT c.sequence FROM clock_drift_warnings v JOIN events c USING (event_id) WHERE v.id = %(after)s::bigint), 0)
ORDER BY d.sequence
LIMIT %(limit)s
