-- fragment: figures
-- The figures of an agent over its warnings.
count(*), percentile_disc(0.5) WITHIN GROUP (ORDER BY drift_seconds),
percentile_disc(0.95) WITHIN GROUP (ORDER BY drift_seconds), max(drift_seconds) AS worst_seconds,
count(*) FILTER (WHERE local_timestamp > authority_timestamp), min(sequence), max(sequence)

-- fragment: newest
-- The warnings of clocks that pass the filter and have times to compute with, newest first.
SELECT w.id, d.sequence, d.agent_id, w.drift_seconds, w.local_timestamp, w.authority_timestamp
-- include: shared.chosen_warnings_of_clocks
  AND isfinite(w.authority_timestamp) AND isfinite(w.local_timestamp)
ORDER BY d.sequence DESC

-- name: by_agent_in_range
-- Figures by agent over the warnings of a sequence range, without those of imports.
SELECT agent_id,
    -- include: drift_figures.figures
FROM (
    SELECT d.sequence, d.agent_id, w.drift_seconds, w.local_timestamp, w.authority_timestamp
    -- include: shared.warnings_of_clocks
      AND (%(start)s::bigint IS NULL OR d.sequence >= %(start)s::bigint)
      AND (%(end)s::bigint IS NULL OR d.sequence <= %(end)s::bigint)
) warnings
GROUP BY agent_id
ORDER BY worst_seconds DESC, agent_id

-- name: by_agent
-- Figures by agent over the newest `most` warnings, without those of imports; with each agent's
-- worst event, and whether there are more.
WITH newest AS MATERIALIZED (
    -- include: drift_figures.newest
    LIMIT %(most)s + 1
), kept AS (
    SELECT * FROM newest ORDER BY sequence DESC LIMIT %(most)s
)
SELECT agent_id,
    -- include: drift_figures.figures
    , (array_agg(sequence ORDER BY drift_seconds DESC, id))[1],
    (array_agg(authority_timestamp ORDER BY drift_seconds DESC, id))[1],
    (array_agg(local_timestamp > authority_timestamp ORDER BY drift_seconds DESC, id))[1],
    canonical_time(min(authority_timestamp)), canonical_time(max(authority_timestamp)),
    min(authority_timestamp), max(authority_timestamp), (SELECT count(*) > %(most)s FROM newest)
FROM kept
GROUP BY agent_id
ORDER BY worst_seconds DESC, agent_id

-- name: heat
-- The same warnings by time, size and direction. Time in steps from `origin`, size as the number of
-- `sizes` reached.
WITH newest AS (
    -- include: drift_figures.newest
    LIMIT %(most)s
)
SELECT floor(extract(epoch FROM authority_timestamp - %(origin)s::timestamptz) / %(step)s::numeric)::int,
       width_bucket(drift_seconds, %(sizes)s::numeric[]), local_timestamp > authority_timestamp, count(*)
FROM newest
GROUP BY 1, 2, 3

-- name: clock_steps
-- Clock jumps: consecutive events of an agent in start … end between which its offset from the
-- authority clock changed by more than the threshold, other than a clock that stands still.
-- Imported events are left out. The newest `each` of every agent, and the total number.
WITH read AS (
    SELECT sequence, agent_id, local_timestamp, authority_timestamp,
           local_timestamp - authority_timestamp AS apart, lag(sequence) OVER w AS previous,
           lag(local_timestamp) OVER w AS previous_local,
           lag(local_timestamp - authority_timestamp) OVER w AS previous_apart
    FROM (
        SELECT d.* FROM events d
        -- include: shared.ranges_of_imports
        WHERE
        -- include: shared.is_of_a_clock
    ) e
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
SELECT sequence, previous, agent_id, canonical_time(authority_timestamp),
       round(extract(epoch FROM previous_apart), 3), round(extract(epoch FROM apart), 3), steps
FROM steps WHERE place <= %(each)s ORDER BY sequence DESC

-- name: authority_reversals
-- Places where authority time decreases along the sequence: in the newest appends after
-- `appends_after`, and event by event in start … end.
WITH found AS (
    SELECT first_sequence AS sequence, previous, authority_timestamp, previous_time FROM (
        SELECT first_sequence, authority_timestamp, lag(last_sequence) OVER w AS previous,
               lag(authority_timestamp) OVER w AS previous_time
        FROM appends WHERE last_sequence > %(appends_after)s::bigint
        WINDOW w AS (ORDER BY last_sequence)
    ) a WHERE authority_timestamp < previous_time
    UNION
    SELECT sequence, previous, authority_timestamp, previous_time FROM (
        SELECT sequence, authority_timestamp, lag(sequence) OVER w AS previous,
               lag(authority_timestamp) OVER w AS previous_time
        FROM events WHERE sequence BETWEEN %(start)s::bigint AND %(end)s::bigint
        WINDOW w AS (ORDER BY sequence)
    ) e WHERE authority_timestamp < previous_time
)
SELECT DISTINCT ON (sequence) sequence, previous,
       canonical_time(previous_time), canonical_time(authority_timestamp),
       round(extract(epoch FROM previous_time - authority_timestamp), 3)
FROM found ORDER BY sequence DESC LIMIT %(limit)s
