-- Halt state, head and tail in one statement, so of one snapshot: read separately, an append in
-- between would look like a ledger that does not end at its head.
SELECT h.halted, h.reason, to_char(h.halted_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
       h.halted_by,
       a.last_sequence, a.content_hash, canonical_time(a.authority_timestamp),
       a.event_count, e.sequence, e.content_hash
FROM (SELECT) one
LEFT JOIN halt_state h ON true
LEFT JOIN LATERAL (SELECT * FROM appends ORDER BY last_sequence DESC LIMIT 1) a ON true
LEFT JOIN LATERAL (SELECT sequence, content_hash FROM events ORDER BY sequence DESC LIMIT 1) e ON true
