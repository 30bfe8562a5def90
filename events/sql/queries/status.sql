-- fragment: head_sequence
-- The sequence of the head, or 0.
coalesce((SELECT last_sequence FROM appends ORDER BY last_sequence DESC LIMIT 1), 0)

-- name: tail
-- Halt state, head and tail in one statement, so of one snapshot: read separately, an append in
-- between would look like a ledger that does not end at its head.
SELECT h.halted, h.reason, canonical_time(h.halted_at), h.halted_by,
       a.last_sequence, a.content_hash, canonical_time(a.authority_timestamp), a.event_count,
       e.sequence, e.content_hash
FROM (SELECT) one
LEFT JOIN halt_state h ON true
LEFT JOIN LATERAL (SELECT * FROM appends ORDER BY last_sequence DESC LIMIT 1) a ON true
LEFT JOIN LATERAL (SELECT sequence, content_hash FROM events ORDER BY sequence DESC LIMIT 1) e ON true

-- name: appends_before
-- For each moment, the last append before it: its sequence, and the number of events by then.
-- Binary search, so the cost does not grow with the ledger. It relies on authority times that rise
-- with the sequence; where that clock ran backwards, the result is one of several places.
WITH RECURSIVE head AS (
    SELECT
        -- include: status.head_sequence
        AS last
), search (moment, low, high) AS (
    SELECT moment, 0::bigint, head.last FROM unnest(%(moments)s::timestamptz[]) moment CROSS JOIN head
    UNION ALL
    SELECT s.moment,
           CASE WHEN probe.authority_timestamp < s.moment THEN least(probe.last_sequence, s.high) ELSE s.low END,
           CASE WHEN probe.authority_timestamp < s.moment THEN s.high ELSE (s.low + s.high) / 2 END
    FROM search s CROSS JOIN LATERAL (
        SELECT a.last_sequence, a.authority_timestamp FROM appends a
        WHERE a.last_sequence > (s.low + s.high) / 2 ORDER BY a.last_sequence LIMIT 1
    ) probe
    WHERE s.low < s.high
)
SELECT s.low, coalesce((SELECT a.event_count FROM appends a WHERE a.last_sequence <= s.low
                        ORDER BY a.last_sequence DESC LIMIT 1), 0)
FROM search s WHERE s.low >= s.high ORDER BY s.moment

-- name: busiest_agents
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

-- name: replayed
-- How far this server is: the place in the primary's log up to which it has replayed, null where it
-- replays nothing, and the head it shows.
SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn()::text END,
    -- include: status.head_sequence

-- name: lacking
-- Asked of the primary about a replica whose head is `sequence`: the primary's own head, and for
-- how long the replica has lacked the first append that it does not show. Not the time of its last
-- replay: that grows while nobody writes.
SELECT
    -- include: status.head_sequence
    , coalesce((SELECT extract(epoch FROM clock_timestamp() - a.authority_timestamp)
                 FROM appends a WHERE a.last_sequence > %(sequence)s::bigint
                 ORDER BY a.last_sequence LIMIT 1), 0)
