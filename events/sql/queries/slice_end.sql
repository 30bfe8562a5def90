-- The place of the event that is size events on from start, counting it; NULL when there are fewer
-- up to the end.
SELECT sequence FROM events
WHERE sequence BETWEEN %(start)s::bigint AND %(end)s::bigint
ORDER BY sequence OFFSET %(size)s::bigint - 1 LIMIT 1
