-- The ids of the rows with these sequences.
SELECT sequence, event_id::text FROM events WHERE sequence = ANY (%(sequences)s::bigint[])
