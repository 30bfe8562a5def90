-- The gaps inside start … end as ranges, and what documents each. Blocks of 4,096 numbers are
-- counted over the index alone; only a block that is not full is looked into. A gap of any length
-- is one row, however long.
WITH blocks AS (
    SELECT (sequence - 1) / 4096 AS block, min(sequence) AS first, max(sequence) AS last, count(*) AS present
    FROM events WHERE sequence BETWEEN %(start)s::bigint AND %(end)s::bigint
    GROUP BY 1
), gaps AS (
    SELECT %(start)s::bigint AS gap_start, coalesce(min(first) - 1, %(end)s::bigint) AS gap_end FROM blocks
    UNION ALL
    SELECT last + 1, coalesce(lead(first) OVER (ORDER BY block) - 1, %(end)s::bigint) FROM blocks
    UNION ALL
    SELECT inner_rows.sequence + 1, inner_rows.next - 1
    FROM blocks b CROSS JOIN LATERAL (
        SELECT sequence, lead(sequence) OVER (ORDER BY sequence) AS next
        FROM events WHERE sequence BETWEEN b.first AND b.last
    ) inner_rows
    WHERE b.present < b.last - b.first + 1 AND inner_rows.next > inner_rows.sequence + 1
), real_gaps AS (
    -- A gap that is cut off by start or end is explained by what explains the whole of it.
    SELECT gap_start, gap_end,
           CASE WHEN gap_start > %(start)s::bigint THEN gap_start ELSE coalesce(
               (SELECT max(e.sequence) + 1 FROM events e WHERE e.sequence < gap_start), 1) END AS whole_start,
           CASE WHEN gap_end < %(end)s::bigint THEN gap_end ELSE coalesce(
               (SELECT min(e.sequence) - 1 FROM events e WHERE e.sequence > gap_end), gap_end) END AS whole_end
    FROM gaps WHERE gap_end >= gap_start
)
SELECT gap_start, gap_end, (
           -- Documented: a system event in the chain names exactly this gap, and two people
           -- approved it (CT-13).
           SELECT min(c.sequence) FROM events c
           WHERE c.event_type = 'ceremony.sequence_skip' AND c.agent_id IS NULL
             AND c.payload -> 'first' = to_jsonb(whole_start) AND c.payload -> 'last' = to_jsonb(whole_end)
             AND (SELECT count(DISTINCT approval ->> 'person')
                  FROM jsonb_array_elements(CASE jsonb_typeof(c.payload -> 'approvals')
                       WHEN 'array' THEN c.payload -> 'approvals' ELSE '[]' END) approval) >= 2
       ) AS ceremony_sequence,
       count(*) OVER () AS gap_count,
       sum(gap_end - gap_start + 1) OVER () AS missing_count
FROM real_gaps
ORDER BY gap_start
LIMIT %(limit)s
