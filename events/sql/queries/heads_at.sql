-- The hash of the event at each of these numbers, and the hash that an append recorded as its last.
-- Two index lookups per number.
SELECT n.sequence, e.content_hash, a.content_hash
FROM unnest(%(sequences)s::bigint[]) AS n (sequence)
LEFT JOIN events e ON e.sequence = n.sequence
LEFT JOIN appends a ON a.last_sequence = n.sequence
