-- Clock jumps: consecutive events of an agent in start … end between which its offset from the
-- authority clock changed by more than the threshold, other than a clock that stands still.
-- Imported events are left out. The newest `each` of every agent, and the total number.
WITH read AS (
    SELECT sequence, agent_id, local_timestamp, authority_timestamp,
           local_timestamp - authority_timestamp AS apart, lag(sequence) OVER w AS previous,
           lag(local_timestamp) OVER w AS previous_local,
           lag(local_timestamp - authority_timestamp) OVER w AS previous_apart
    FROM (SELECT d.* FROM events d
         LEFT JOIN unnest(%(import_agents)s::text[], %(import_ranges)s::int8multirange[])
         AS i (agent_id, ranges) ON i.agent_id = d.agent_id
    WHERE (d.agent_id IS NULL OR NOT coalesce(i.ranges @> d.sequence, false)
           AND NOT %(any_agent)s::int8multirange @> d.sequence)) e
    WHERE sequence BETWEEN %(start)s::bigint AND %(end)s::bigint
      AND (%(agent_id)s::text IS NULL OR agent_id = %(agent_id)s::text)
      AND isfinite(local_timestamp) AND isfinite(authority_timestamp)
    WINDOW w AS (PARTITION BY agent_id ORDER BY sequence)
), steps AS (
    SELECT *, count(*) OVER (PARTITION BY agent_id) AS steps,
           row_number() OVER (PARTITION BY agent_id ORDER BY sequence DESC) AS place
    FROM read
    WHERE previous IS NOT NULL AND local_timestamp <> previous_local
      AND apart - previous_apart NOT BETWEEN make_interval(secs => -%(threshold)s::double precision)
                                         AND make_interval(secs => %(threshold)s::double precision)
)
SELECT sequence, previous, agent_id,
       to_char(authority_timestamp AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
       round(extract(epoch FROM previous_apart), 3), round(extract(epoch FROM apart), 3), steps
FROM steps WHERE place <= %(each)s ORDER BY sequence DESC
