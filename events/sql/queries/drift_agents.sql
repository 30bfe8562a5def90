-- Figures by agent over the newest `most` warnings, without those of imports; with each agent's
-- worst event, and whether there are more.
WITH newest AS MATERIALIZED (
    SELECT w.id, d.sequence, d.agent_id, w.drift_seconds, w.local_timestamp, w.authority_timestamp
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
    ORDER BY d.sequence DESC LIMIT %(most)s + 1
), kept AS (
    SELECT * FROM newest ORDER BY sequence DESC LIMIT %(most)s
)
SELECT agent_id, count(*) AS warnings,
       percentile_disc(0.5) WITHIN GROUP (ORDER BY drift_seconds) AS median_seconds,
       percentile_disc(0.95) WITHIN GROUP (ORDER BY drift_seconds) AS p95_seconds,
       max(drift_seconds) AS worst_seconds,
       (array_agg(sequence ORDER BY drift_seconds DESC, id))[1] AS worst_sequence,
       (array_agg(authority_timestamp ORDER BY drift_seconds DESC, id))[1] AS worst_at,
       (array_agg(local_timestamp > authority_timestamp ORDER BY drift_seconds DESC, id))[1] AS worst_ahead,
       count(*) FILTER (WHERE local_timestamp > authority_timestamp) AS ahead,
       min(sequence) AS first_sequence, max(sequence) AS last_sequence,
       to_char(min(authority_timestamp) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS first_seen,
       to_char(max(authority_timestamp) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS last_seen,
       min(authority_timestamp), max(authority_timestamp), (SELECT count(*) > %(most)s FROM newest)
FROM kept
GROUP BY agent_id
ORDER BY worst_seconds DESC, agent_id
