-- The events of agents after a sequence with ids as `ingest` makes them (UUID version 8), or with
-- any id: their number, bounds, and agents, unless too many to name.
SELECT count(*), min(sequence), max(sequence), (
    SELECT array_agg(named.agent_id ORDER BY named.agent_id) FROM (
        SELECT DISTINCT agent_id FROM events
        WHERE sequence > %(after)s::bigint AND agent_id IS NOT NULL
          AND (%(any_id)s::boolean OR substr(event_id::text, 15, 1) = '8')
        LIMIT %(most)s::integer + 1) named)
FROM events
WHERE sequence > %(after)s::bigint AND agent_id IS NOT NULL
  AND (%(any_id)s::boolean OR substr(event_id::text, 15, 1) = '8')
