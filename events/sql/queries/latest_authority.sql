-- How many events of a stretch are there, and the latest of their authority times.
SELECT count(*), canonical_time(max(authority_timestamp)) FROM events
WHERE sequence BETWEEN %(start)s::bigint AND %(end)s::bigint
