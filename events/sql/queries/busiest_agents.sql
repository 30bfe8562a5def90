-- Number of events by agent after a sequence, over the index alone. The registry names all agents,
-- because each has a key.
WITH counted AS (
    SELECT k.agent_id, (SELECT count(*) FROM events e
                        WHERE e.agent_id = k.agent_id AND e.sequence > %(after)s::bigint) AS events
    FROM (SELECT DISTINCT agent_id FROM agent_keys WHERE agent_id IS NOT NULL) k
    UNION ALL
    SELECT NULL, (SELECT count(*) FROM events e WHERE e.agent_id IS NULL AND e.sequence > %(after)s::bigint)
)
SELECT agent_id, events FROM counted WHERE events > 0 ORDER BY events DESC, agent_id LIMIT %(limit)s
