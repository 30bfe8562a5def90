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
