-- name: neighbours
-- The nearest existing sequences at or below `low` and at or above `high`.
SELECT (SELECT max(sequence) FROM events WHERE sequence BETWEEN 1 AND %(low)s::bigint),
       (SELECT min(sequence) FROM events WHERE sequence >= %(high)s::bigint)

-- name: authority_times
-- The authority times of the events with these sequences.
SELECT sequence, authority_timestamp FROM canonical_events WHERE sequence = ANY (%(sequences)s::bigint[])

-- name: slice_end
-- The sequence of the size-th event from start on; NULL when there are fewer up to the end.
SELECT sequence FROM events
WHERE sequence BETWEEN %(start)s::bigint AND %(end)s::bigint
ORDER BY sequence OFFSET %(size)s::bigint - 1 LIMIT 1

-- name: event_from
-- The first event of sequence … end, and whether its authority time is `moment` or later.
SELECT sequence, authority_timestamp >= %(moment)s::timestamptz
FROM events
WHERE sequence BETWEEN %(sequence)s::bigint AND %(end)s::bigint
ORDER BY sequence
LIMIT 1

-- name: by_cell
-- Number of events of start … end in stretches of `size` numbers. Over the index alone.
SELECT (sequence - %(start)s::bigint) / %(size)s::bigint, count(*)
FROM events WHERE sequence BETWEEN %(start)s::bigint AND %(end)s::bigint
GROUP BY 1

-- name: remember_continuity
-- Check new numbers and those old ones that are due; true if more is due at once.
SELECT remember_continuity(%(round_seconds)s::double precision, %(at_most_seconds)s::double precision)

-- name: looked_since
-- Every cached number was re-checked since this moment.
SELECT coalesce(previous_round_began_at, round_began_at) FROM continuity_memory
