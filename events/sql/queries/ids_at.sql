-- Which ids the rows of these numbers have.
SELECT sequence, event_id::text FROM events WHERE sequence = ANY (%(sequences)s::bigint[])
