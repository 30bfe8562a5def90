-- name: max_sequence
-- The highest sequence in events, or 0.
SELECT coalesce(max(sequence), 0) FROM events

-- name: head
-- The last append.
SELECT last_sequence, content_hash, canonical_time(authority_timestamp), event_count
FROM appends ORDER BY last_sequence DESC LIMIT 1

-- name: halt_state
-- The halt state.
SELECT halted, reason, canonical_time(halted_at), halted_by FROM halt_state

-- fragment: range
-- A range without a filter, by the sequence index alone.
SELECT
    -- include: shared.event_columns
FROM canonical_events WHERE sequence BETWEEN %(start)s::bigint AND %(end)s::bigint

-- name: range_ascending
-- The events of a range, oldest first.
-- include: ledger.range
ORDER BY sequence LIMIT %(limit)s

-- name: range_descending
-- The events of a range, newest first.
-- include: ledger.range
ORDER BY sequence DESC LIMIT %(limit)s

-- fragment: event_filter
-- Conditions of `EventFilter` except `drifted`. A filter that is not given is NULL, and the planner
-- drops its line. Times are half-open.
WHERE (%(start)s::bigint IS NULL OR c.sequence >= %(start)s::bigint)
  AND (%(end)s::bigint IS NULL OR c.sequence <= %(end)s::bigint)
  AND (%(event_types)s::text[] IS NULL OR c.event_type = ANY (%(event_types)s::text[]))
  AND (%(agent_id)s::text IS NULL OR c.agent_id = %(agent_id)s::text)
  AND (%(system)s::boolean IS NULL OR %(system)s::boolean = (c.agent_id IS NULL))
  AND (%(local_from)s::timestamptz IS NULL OR c.local_timestamp >= %(local_from)s::timestamptz)
  AND (%(local_to)s::timestamptz IS NULL OR c.local_timestamp < %(local_to)s::timestamptz)
  AND (%(authority_from)s::timestamptz IS NULL OR c.authority_timestamp >= %(authority_from)s::timestamptz)
  AND (%(authority_to)s::timestamptz IS NULL OR c.authority_timestamp < %(authority_to)s::timestamptz)
  AND (%(payload_path)s::text[] IS NULL
       OR c.payload #> %(payload_path)s::text[] = ANY (ARRAY[%(payload_value)s, %(payload_text)s]::jsonb[]))

-- fragment: chosen
-- The numbers of the events that pass the filter, by the table's own columns and indexes.
SELECT c.sequence FROM events c
-- include: ledger.event_filter
  AND (%(drifted)s::boolean IS NULL OR %(drifted)s::boolean = EXISTS (
        SELECT FROM clock_drift_warnings w WHERE w.event_id = c.event_id))

-- fragment: chosen_drifted
-- The same with `drifted` true, starting from the warnings: the planner assumes that drift is
-- spread evenly, and would scan all events of an agent that has none. drifted_events is indexed by
-- agent, so an agent without drift costs nothing. The inner query has every column that the filter
-- compares.
SELECT c.sequence FROM (
    SELECT d.sequence, d.agent_id, e.event_type, e.local_timestamp, e.authority_timestamp, e.payload
    FROM drifted_events d JOIN events e USING (sequence)
) c
-- include: ledger.event_filter

-- name: events_ascending
-- The events that pass the filter, oldest first. Only what is returned is formatted.
SELECT
    -- include: shared.event_columns
FROM (
    -- include: ledger.chosen
    ORDER BY c.sequence LIMIT %(limit)s
) chosen JOIN canonical_events USING (sequence) ORDER BY sequence

-- name: events_descending
-- The events that pass the filter, newest first.
SELECT
    -- include: shared.event_columns
FROM (
    -- include: ledger.chosen
    ORDER BY c.sequence DESC LIMIT %(limit)s
) chosen JOIN canonical_events USING (sequence) ORDER BY sequence DESC

-- name: drifted_ascending
-- The events with a drift warning that pass the filter, oldest first.
SELECT
    -- include: shared.event_columns
FROM (
    -- include: ledger.chosen_drifted
    ORDER BY c.sequence LIMIT %(limit)s
) chosen JOIN canonical_events USING (sequence) ORDER BY sequence

-- name: drifted_descending
-- The events with a drift warning that pass the filter, newest first.
SELECT
    -- include: shared.event_columns
FROM (
    -- include: ledger.chosen_drifted
    ORDER BY c.sequence DESC LIMIT %(limit)s
) chosen JOIN canonical_events USING (sequence) ORDER BY sequence DESC

-- name: events_by_id
-- The events with these ids.
SELECT
    -- include: shared.event_columns
FROM canonical_events WHERE event_uuid = ANY (%(event_ids)s::uuid[])

-- name: ids_at
-- The ids of the rows with these sequences.
SELECT sequence, event_id::text FROM events WHERE sequence = ANY (%(sequences)s::bigint[])

-- name: events_of_type
-- The system's own events of a type, in order, after a sequence.
SELECT
    -- include: shared.event_columns
FROM canonical_events
WHERE event_type = %(event_type)s AND agent_id IS NULL AND sequence > %(after)s::bigint
ORDER BY sequence LIMIT %(limit)s

-- name: no_jit
-- For the transaction: compiling a count takes longer than the count.
SELECT set_config('jit', 'off', true)

-- fragment: print_of_a_whole_block
-- The hash of a block in which every number stands once.
SELECT sum(hashint8extended(place, %(seed)s::bigint)) AS print FROM generate_series(0::bigint, 4095) place

-- fragment: block
-- What is counted of a block of numbers.
(sequence - 1) / 4096 AS block, min(sequence) AS first, max(sequence) AS last, count(*) AS present,
sum(hashint8extended((sequence - 1) %% 4096, %(seed)s::bigint)) AS print

-- fragment: gaps_in_blocks
-- The gaps inside blocks that are not whole.
SELECT inner_rows.sequence + 1, inner_rows.next - 1
FROM blocks b CROSS JOIN LATERAL (
    SELECT sequence, lead(sequence) OVER (ORDER BY sequence) AS next
    FROM events WHERE sequence BETWEEN b.first AND b.last
) inner_rows
WHERE (b.present <> b.last - b.first + 1 OR b.print <> CASE
          WHEN b.last - b.first = 4095 THEN (SELECT print FROM whole) ELSE (
          SELECT sum(hashint8extended((n - 1) %% 4096, %(seed)s::bigint)) FROM generate_series(b.first, b.last) n) END)
  AND inner_rows.next <> inner_rows.sequence + 1

-- fragment: gaps_and_totals
-- The first gaps, with the totals over all. A number that stands twice is a row that ends below its
-- beginning: behind the gaps, and no gap.
SELECT gap_start, gap_end,
       count(*) FILTER (WHERE gap_end >= gap_start) OVER () AS gap_count,
       sum(gap_end - gap_start + 1) FILTER (WHERE gap_end >= gap_start) OVER () AS missing_count,
       count(*) FILTER (WHERE gap_end < gap_start) OVER () AS surplus_count
FROM gaps WHERE gap_end <> gap_start - 1
ORDER BY gap_end < gap_start, gap_start LIMIT %(limit)s

-- name: gaps
-- The gaps inside start … end as ranges, and the numbers that stand there more than once. Blocks of
-- 4,096 numbers are counted over the index alone; only a block that is not whole is looked into. A
-- gap of any length is one row, however long. A number twice would make up for a missing one, so
-- the numbers of a block are also summed up by a hash whose seed nobody knows before.
WITH whole AS (
    -- include: ledger.print_of_a_whole_block
), blocks AS (
    SELECT
        -- include: ledger.block
    FROM events WHERE sequence BETWEEN %(start)s::bigint AND %(end)s::bigint
    GROUP BY 1
), gaps AS (
    SELECT %(start)s::bigint AS gap_start, coalesce(min(first) - 1, %(end)s::bigint) AS gap_end FROM blocks
    UNION ALL
    SELECT last + 1, coalesce(lead(first) OVER (ORDER BY block) - 1, %(end)s::bigint) FROM blocks
    UNION ALL
    -- include: ledger.gaps_in_blocks
)
-- include: ledger.gaps_and_totals

-- name: gaps_remembered
-- The same, but counts only what continuity_memory does not hold: what is new, and where a gap was.
-- Memory is not believed beyond the last event that is there.
WITH whole AS (
    -- include: ledger.print_of_a_whole_block
), unseen AS (
    SELECT lower(r) AS first_unseen, upper(r) - 1 AS last_unseen
    FROM unnest(int8multirange(int8range(%(start)s::bigint, %(end)s::bigint + 1))
                - (SELECT seen_whole FROM continuity_memory)
                  * int8multirange(int8range(1, (SELECT coalesce(max(sequence), 0) + 1 FROM events)))) r
), blocks AS (
    SELECT u.first_unseen, u.last_unseen, b.*
    FROM unseen u CROSS JOIN LATERAL (
        SELECT
            -- include: ledger.block
        FROM events WHERE sequence BETWEEN u.first_unseen AND u.last_unseen
        GROUP BY 1
    ) b
), gaps AS (
    SELECT u.first_unseen AS gap_start, coalesce(min(b.first) - 1, u.last_unseen) AS gap_end
    FROM unseen u LEFT JOIN blocks b USING (first_unseen, last_unseen) GROUP BY u.first_unseen, u.last_unseen
    UNION ALL
    SELECT last + 1, coalesce(lead(first) OVER (PARTITION BY first_unseen ORDER BY block) - 1, last_unseen) FROM blocks
    UNION ALL
    -- include: ledger.gaps_in_blocks
)
-- include: ledger.gaps_and_totals
