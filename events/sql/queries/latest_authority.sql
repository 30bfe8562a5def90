-- Number of events in a range, and the latest of their authority times.
SELECT count(*), canonical_time(max(authority_timestamp)) FROM events
WHERE sequence BETWEEN %(start)s::bigint AND %(end)s::bigint
