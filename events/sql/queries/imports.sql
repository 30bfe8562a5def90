-- name: contents
-- Files that were imported completely, the newest imports first: name, size and digest.
SELECT i.value ->> 'source', (i.value ->> 'content_bytes')::bigint, i.value ->> 'content_sha256', f.sequence
FROM (
    SELECT sequence, payload FROM events
    WHERE event_type = 'system.import_finished' AND agent_id IS NULL
    ORDER BY sequence DESC
    LIMIT %(imports)s
) f, jsonb_array_elements(f.payload -> 'inputs') i
WHERE i.value ->> 'content_sha256' IS NOT NULL AND (i.value ->> 'content_bytes')::bigint > 0
  AND (i.value ->> 'added')::bigint + (i.value ->> 'already_there')::bigint > 0
ORDER BY f.sequence DESC

-- name: open_imports
-- Imports that were started and not finished: running or interrupted.
SELECT s.sequence, s.payload
FROM events s
WHERE s.event_type = 'system.import_started' AND s.agent_id IS NULL
  AND NOT EXISTS (
    SELECT FROM events f
    WHERE f.event_type = 'system.import_finished' AND f.agent_id IS NULL
      AND f.payload ->> 'import_id' = s.payload ->> 'import_id')
ORDER BY s.sequence

-- name: finished_imports
-- The imports on record, newest first: sequence and time of the record, outcome, names of some
-- sources and their number, sequence range of its events, and its agents, or NULL for any.
SELECT e.sequence, e.authority_timestamp, e.payload ->> 'outcome',
       ARRAY(SELECT left(i ->> 'source', 200) FROM jsonb_array_elements(p.inputs) i LIMIT 3),
       jsonb_array_length(p.inputs), p.first_sequence, p.last_sequence,
       CASE jsonb_typeof(e.payload -> 'agents') WHEN 'array'
           THEN ARRAY(SELECT jsonb_array_elements_text(e.payload -> 'agents')) END
FROM events e CROSS JOIN LATERAL (
    SELECT CASE jsonb_typeof(e.payload -> 'inputs') WHEN 'array' THEN e.payload -> 'inputs' ELSE '[]' END AS inputs,
           CASE WHEN e.payload ->> 'first_sequence' ~ '^[0-9]{1,18}$'
               THEN (e.payload ->> 'first_sequence')::bigint END AS first_sequence,
           CASE WHEN e.payload ->> 'last_sequence' ~ '^[0-9]{1,18}$'
               THEN (e.payload ->> 'last_sequence')::bigint END AS last_sequence
) p
WHERE e.event_type = 'system.import_finished' AND e.agent_id IS NULL AND p.first_sequence <= p.last_sequence
ORDER BY e.sequence DESC

-- fragment: may_be_imported
-- Events of agents after a sequence with ids as `ingest` makes them (UUID version 8), or any id.
FROM events
WHERE sequence > %(after)s::bigint AND agent_id IS NOT NULL
  AND (%(any_id)s::boolean OR substr(event_id::text, 15, 1) = '8')

-- name: stretch
-- Number, bounds and agents of the events that may be imported; one agent more than `most` means
-- too many to name.
SELECT count(*), min(sequence), max(sequence), (
    SELECT array_agg(named.agent_id ORDER BY named.agent_id) FROM (
        SELECT DISTINCT agent_id
        -- include: imports.may_be_imported
        LIMIT %(most)s::integer + 1) named)
-- include: imports.may_be_imported

-- name: drift_of_imports
-- Number of events with a drift warning for each import, by its index in the arrays. `agents` are
-- names joined by U+0001; where `named` is false, any agent counts.
SELECT i.place, count(*)
FROM unnest(%(firsts)s::bigint[], %(lasts)s::bigint[], %(named)s::boolean[], %(agents)s::text[])
         WITH ORDINALITY AS i (first, last, named, agents, place)
JOIN drifted_events d ON d.sequence BETWEEN i.first AND i.last AND d.agent_id IS NOT NULL
     AND (NOT i.named OR d.agent_id = ANY (string_to_array(i.agents, E'\x01')))
GROUP BY i.place

-- name: drift_counts
-- Number of drift warnings of events after each mark, of running clocks and of imports, among the
-- newest `most`.
WITH newest AS (
    SELECT d.sequence, d.agent_id FROM drifted_events d
    WHERE d.sequence > (SELECT min(mark) FROM unnest(%(marks)s::bigint[]) mark)
    ORDER BY d.sequence DESC LIMIT %(most)s
), told AS (
    SELECT d.sequence,
        -- include: shared.is_of_a_clock
        AS is_of_a_clock
    FROM newest d
    -- include: shared.ranges_of_imports
)
SELECT (SELECT count(*) FROM told t WHERE t.sequence > m.mark AND t.is_of_a_clock),
       (SELECT count(*) FROM told t WHERE t.sequence > m.mark AND NOT t.is_of_a_clock)
FROM unnest(%(marks)s::bigint[]) WITH ORDINALITY AS m (mark, place)
ORDER BY m.place
