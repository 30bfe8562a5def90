-- As gaps.sql, but counts only what continuity_memory does not hold: what is new, and where a gap
-- was. Memory is not believed beyond the last event that is there.
WITH whole AS (
    SELECT sum(hashint8extended(place, %(seed)s::bigint)) AS print FROM generate_series(0::bigint, 4095) place
), unseen AS (
    SELECT lower(r) AS first_unseen, upper(r) - 1 AS last_unseen
    FROM unnest(int8multirange(int8range(%(start)s::bigint, %(end)s::bigint + 1))
                - (SELECT seen_whole FROM continuity_memory)
                  * int8multirange(int8range(1, (SELECT coalesce(max(sequence), 0) + 1 FROM events)))) r
), blocks AS (
    SELECT u.first_unseen, u.last_unseen, b.*
    FROM unseen u CROSS JOIN LATERAL (
        SELECT (sequence - 1) / 4096 AS block, min(sequence) AS first, max(sequence) AS last, count(*) AS present,
               sum(hashint8extended((sequence - 1) %% 4096, %(seed)s::bigint)) AS print
        FROM events WHERE sequence BETWEEN u.first_unseen AND u.last_unseen
        GROUP BY 1
    ) b
), gaps AS (
    SELECT u.first_unseen AS gap_start, coalesce(min(b.first) - 1, u.last_unseen) AS gap_end
    FROM unseen u LEFT JOIN blocks b USING (first_unseen, last_unseen) GROUP BY u.first_unseen, u.last_unseen
    UNION ALL
    SELECT last + 1, coalesce(lead(first) OVER (PARTITION BY first_unseen ORDER BY block) - 1, last_unseen) FROM blocks
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
