-- The warnings of drift_agents.sql by time, size and direction. Time in steps from `origin`, size
-- as the number of `sizes` reached.
WITH newest AS (
    SELECT w.drift_seconds, w.local_timestamp, w.authority_timestamp
    FROM drifted_events d JOIN events e USING (sequence) JOIN clock_drift_warnings w ON w.event_id = e.event_id
         LEFT JOIN unnest(%(import_agents)s::text[], %(import_ranges)s::int8multirange[])
         AS i (agent_id, ranges) ON i.agent_id = d.agent_id
    WHERE (d.agent_id IS NULL OR NOT coalesce(i.ranges @> d.sequence, false)
           AND NOT %(any_agent)s::int8multirange @> d.sequence)
      AND (%(agent_id)s::text IS NULL OR d.agent_id = %(agent_id)s::text)
      AND (%(min_seconds)s::numeric IS NULL OR w.drift_seconds >= %(min_seconds)s::numeric)
      AND (%(authority_from)s::timestamptz IS NULL OR w.authority_timestamp >= %(authority_from)s::timestamptz)
      AND (%(authority_to)s::timestamptz IS NULL OR w.authority_timestamp < %(authority_to)s::timestamptz)
      AND isfinite(w.authority_timestamp) AND isfinite(w.local_timestamp)
    ORDER BY d.sequence DESC LIMIT %(most)s
)
SELECT floor(extract(epoch FROM authority_timestamp - %(origin)s::timestamptz) / %(step)s::numeric)::int,
       width_bucket(drift_seconds, %(sizes)s::numeric[]), local_timestamp > authority_timestamp, count(*)
FROM newest
GROUP BY 1, 2, 3
