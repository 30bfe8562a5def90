-- Appends whose last event is missing or hashes otherwise, inside start … end.
SELECT a.last_sequence, a.content_hash, e.content_hash
FROM appends a LEFT JOIN events e ON e.sequence = a.last_sequence
WHERE a.last_sequence BETWEEN %(start)s::bigint AND %(end)s::bigint AND e.content_hash IS DISTINCT FROM a.content_hash
ORDER BY a.last_sequence
LIMIT %(limit)s
