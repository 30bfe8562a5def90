-- fragment: append
-- A row of the record of appends.
SELECT last_sequence, first_sequence, content_hash, canonical_time(authority_timestamp), event_count FROM appends

-- name: appends_covering
-- The appends that cover start … end in order, preceded by the one before them.
(
    -- include: integrity.append
    WHERE last_sequence BETWEEN 1 AND %(start)s::bigint - 1 ORDER BY last_sequence DESC LIMIT 1
)
UNION ALL
(
    -- include: integrity.append
    WHERE last_sequence BETWEEN %(start)s::bigint AND %(end)s::bigint ORDER BY last_sequence
)
UNION ALL
(
    -- include: integrity.append
    WHERE last_sequence > %(end)s::bigint ORDER BY last_sequence LIMIT 1
)

-- name: events_below_one
-- Rows outside the sequence, which begins with 1: by number, and those with NULL.
SELECT sequence, event_id::text FROM events WHERE sequence < 1 OR sequence IS NULL
ORDER BY sequence LIMIT %(limit)s

-- name: appends_below_one
-- Rows of the record of appends outside the sequence.
SELECT last_sequence FROM appends WHERE last_sequence < 1 OR last_sequence IS NULL
ORDER BY last_sequence LIMIT %(limit)s

-- name: latest_authority
-- Number of events in a range, and the latest of their authority times.
SELECT count(*), canonical_time(max(authority_timestamp)) FROM events
WHERE sequence BETWEEN %(start)s::bigint AND %(end)s::bigint

-- name: heads_at
-- The hash of the event at each of these numbers, and the hash that an append recorded as its last.
-- Two index lookups per number.
SELECT n.sequence, e.content_hash, a.content_hash
FROM unnest(%(sequences)s::bigint[]) AS n (sequence)
LEFT JOIN events e ON e.sequence = n.sequence
LEFT JOIN appends a ON a.last_sequence = n.sequence

-- name: cleared_halts
-- The reasons of halts that ceremonies cleared, with this prefix, newest first.
SELECT e.sequence, e.payload #>> '{proposal,details,halt_reason}'
FROM events e
WHERE e.event_type = 'ceremony.clear_halt' AND e.agent_id IS NULL
  AND starts_with(e.payload #>> '{proposal,details,halt_reason}', %(beginning)s)
ORDER BY e.sequence DESC

-- name: recorded_findings
-- The events that the watch recorded, in order. Their types are reserved for the system.
SELECT e.sequence, e.event_type, coalesce(e.payload ->> 'finding', ''), canonical_time(e.authority_timestamp),
       coalesce(e.payload ->> 'detail', ''), coalesce(e.payload -> 'deviations' -> 0, 'null')::text
FROM events e WHERE e.event_type = ANY (%(types)s::text[]) AND e.agent_id IS NULL
ORDER BY e.sequence

-- name: forks
-- Events with the same predecessor as one of the suspects. prev_hash has no index: this scans the
-- table, and runs only where a link is wrong or its other end is missing. Elsewhere there is no
-- fork: a correct link names the hash of the event right before it.
SELECT e.prev_hash, array_agg(e.sequence ORDER BY e.sequence)
FROM events e
WHERE e.prev_hash IN (SELECT s.prev_hash FROM events s WHERE s.sequence = ANY (%(suspects)s::bigint[]))
GROUP BY e.prev_hash HAVING count(*) > 1
ORDER BY 2 LIMIT %(limit)s

-- name: pages_of_tables
-- Number of pages of each table; 0 for a table that does not exist.
SELECT coalesce(pg_relation_size(to_regclass(name)), 0) / current_setting('block_size')::bigint
FROM unnest(%(tables)s::text[]) WITH ORDINALITY AS asked (name, place) ORDER BY place

-- name: only_indexes
-- For the transaction: look up rows by index only.
SELECT set_config('enable_seqscan', 'off', true), set_config('jit', 'off', true)

-- name: events_outside_indexes
-- Events in a range of pages that are missing from the index of sequences or of ids: rows inserted
-- while an index was not maintained.
SELECT h.sequence, h.event_id::text
FROM events h
WHERE h.ctid >= %(first)s::tid AND h.ctid < %(end)s::tid
  AND NOT ((h.sequence IS NULL OR EXISTS (SELECT FROM (SELECT e.ctid FROM events e WHERE e.sequence = h.sequence OFFSET 0) x
                                          WHERE x.ctid = h.ctid))
       AND EXISTS (SELECT FROM (SELECT e.ctid FROM events e WHERE e.event_id = h.event_id OFFSET 0) x
                   WHERE x.ctid = h.ctid))
LIMIT %(limit)s

-- name: appends_outside_indexes
-- Rows of the record of appends in a range of pages that are missing from its index.
SELECT h.last_sequence, NULL
FROM appends h
WHERE h.ctid >= %(first)s::tid AND h.ctid < %(end)s::tid
  AND NOT EXISTS (SELECT FROM (SELECT a.ctid FROM appends a WHERE a.last_sequence = h.last_sequence OFFSET 0) x
                  WHERE x.ctid = h.ctid)
LIMIT %(limit)s

-- name: clock_drift_warnings_outside_indexes
-- Warnings in a range of pages about events that do not exist.
SELECT NULL::bigint, w.event_id::text
FROM clock_drift_warnings w
WHERE w.ctid >= %(first)s::tid AND w.ctid < %(end)s::tid
  AND NOT EXISTS (SELECT FROM events e WHERE e.event_id = w.event_id)
LIMIT %(limit)s

-- name: drifted_events_outside_indexes
-- Rows of drifted_events in a range of pages whose numbers lie outside the sequence. A number
-- missing there was lost with its event, and the gap reports it.
SELECT d.sequence, NULL
FROM drifted_events d
WHERE d.ctid >= %(first)s::tid AND d.ctid < %(end)s::tid
  AND (d.sequence < 1 OR d.sequence > coalesce((SELECT max(last_sequence) FROM appends), 0))
LIMIT %(limit)s
