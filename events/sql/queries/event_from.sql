-- The first event of sequence … end, and whether its authority time is `moment` or later.
SELECT sequence, authority_timestamp >= %(moment)s::timestamptz
FROM events
WHERE sequence BETWEEN %(sequence)s::bigint AND %(end)s::bigint
ORDER BY sequence
LIMIT 1
