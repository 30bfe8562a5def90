-- The nearest existing sequences at or below `low` and at or above `high`.
SELECT (SELECT max(sequence) FROM events WHERE sequence BETWEEN 1 AND %(low)s::bigint),
       (SELECT min(sequence) FROM events WHERE sequence >= %(high)s::bigint)
