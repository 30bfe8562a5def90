-- What the ledger has at each of these numbers: the hash of the event, and the one that an append
-- recorded as its last. Two looks into unique indexes a number.
SELECT n.sequence, e.content_hash, a.content_hash
FROM unnest(%(sequences)s::bigint[]) AS n (sequence)
LEFT JOIN events e ON e.sequence = n.sequence
LEFT JOIN appends a ON a.last_sequence = n.sequence
