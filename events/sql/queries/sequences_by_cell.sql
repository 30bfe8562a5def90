-- Number of events of start … end in stretches of `size` numbers. Over the index alone.
SELECT (sequence - %(start)s::bigint) / %(size)s::bigint, count(*)
FROM events WHERE sequence BETWEEN %(start)s::bigint AND %(end)s::bigint
GROUP BY 1
