-- Figures by agent over the warnings of a sequence range, without those of imports.
SELECT d.agent_id, count(*) AS warnings,
       percentile_disc(0.5) WITHIN GROUP (ORDER BY w.drift_seconds) AS median_seconds,
       percentile_disc(0.95) WITHIN GROUP (ORDER BY w.drift_seconds) AS p95_seconds,
       max(w.drift_seconds) AS worst_seconds,
       count(*) FILTER (WHERE w.local_timestamp > w.authority_timestamp) AS ahead,
       min(d.sequence) AS first_sequence, max(d.sequence) AS last_sequence
FROM drifted_events d JOIN events e USING (sequence) JOIN clock_drift_warnings w ON w.event_id = e.event_id
     LEFT JOIN unnest(%(import_agents)s::text[], %(import_ranges)s::int8multirange[])
         AS i (agent_id, ranges) ON i.agent_id = d.agent_id
WHERE (d.agent_id IS NULL OR NOT coalesce(i.ranges @> d.sequence, false)
           AND NOT %(any_agent)s::int8multirange @> d.sequence)
  AND (%(start)s::bigint IS NULL OR d.sequence >= %(start)s::bigint)
  AND (%(end)s::bigint IS NULL OR d.sequence <= %(end)s::bigint)
GROUP BY d.agent_id
ORDER BY worst_seconds DESC, d.agent_id
