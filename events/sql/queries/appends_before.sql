-- For each moment, the last append before it: its sequence, and the number of events by then.
-- Binary search, so the cost does not grow with the ledger. It relies on authority times that rise
-- with the sequence; where that clock ran backwards, the result is one of several places.
WITH RECURSIVE head AS (
    SELECT coalesce((SELECT last_sequence FROM appends ORDER BY last_sequence DESC LIMIT 1), 0) AS last
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
