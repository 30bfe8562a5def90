-- The events of agents from a place on that bear ids as `ingest` makes them (UUID version 8), or any
-- id: how many, from where to where, and whose, unless they are too many to name.
SELECT count(*), min(sequence), max(sequence), (
    SELECT array_agg(named.agent_id ORDER BY named.agent_id) FROM (
        SELECT DISTINCT agent_id FROM events
        WHERE sequence > %(after)s::bigint AND agent_id IS NOT NULL
          AND (%(any_id)s::boolean OR substr(event_id::text, 15, 1) = '8')
        LIMIT %(most)s::integer + 1) named)
FROM events
WHERE sequence > %(after)s::bigint AND agent_id IS NOT NULL
  AND (%(any_id)s::boolean OR substr(event_id::text, 15, 1) = '8')
