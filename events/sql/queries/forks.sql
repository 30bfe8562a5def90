-- Events with the same predecessor as one of the suspects. prev_hash has no index: this scans the
-- table, and runs only where a link is wrong or its other end is missing. Elsewhere there is no
-- fork: a correct link names the hash of the event right before it.
SELECT e.prev_hash, array_agg(e.sequence ORDER BY e.sequence)
FROM events e
WHERE e.prev_hash IN (SELECT s.prev_hash FROM events s WHERE s.sequence = ANY (%(suspects)s::bigint[]))
GROUP BY e.prev_hash HAVING count(*) > 1
ORDER BY 2 LIMIT %(limit)s
