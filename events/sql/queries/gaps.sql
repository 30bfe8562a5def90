-- The gaps inside start … end as ranges, and the numbers that stand there more than once. Blocks of
-- 4,096 numbers are counted over the index alone; only a block that is not whole is looked into. A
-- gap of any length is one row, however long. A number twice would make up for a missing one, so
-- the numbers of a block are also summed up by a hash whose seed nobody knows before.
-- A number that stands twice is a row that ends below its beginning: behind the gaps, and no gap.
WITH whole AS (
    SELECT sum(hashint8extended(place, %(seed)s::bigint)) AS print FROM generate_series(0::bigint, 4095) place
), blocks AS (
    SELECT (sequence - 1) / 4096 AS block, min(sequence) AS first, max(sequence) AS last, count(*) AS present,
           sum(hashint8extended((sequence - 1) %% 4096, %(seed)s::bigint)) AS print
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
    WHERE (b.present <> b.last - b.first + 1 OR b.print <> CASE WHEN b.last - b.first = 4095 THEN (SELECT print FROM whole) ELSE (
              SELECT sum(hashint8extended((n - 1) %% 4096, %(seed)s::bigint)) FROM generate_series(b.first, b.last) n) END)
      AND inner_rows.next <> inner_rows.sequence + 1
)
SELECT gap_start, gap_end,
       count(*) FILTER (WHERE gap_end >= gap_start) OVER () AS gap_count,
       sum(gap_end - gap_start + 1) FILTER (WHERE gap_end >= gap_start) OVER () AS missing_count,
       count(*) FILTER (WHERE gap_end < gap_start) OVER () AS surplus_count
FROM gaps WHERE gap_end <> gap_start - 1
ORDER BY gap_end < gap_start, gap_start
LIMIT %(limit)s
