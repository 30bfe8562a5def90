-- The sequence of the size-th event from start on; NULL when there are fewer up to the end.
SELECT sequence FROM events
WHERE sequence BETWEEN %(start)s::bigint AND %(end)s::bigint
ORDER BY sequence OFFSET %(size)s::bigint - 1 LIMIT 1
