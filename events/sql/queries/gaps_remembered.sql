-- As gaps.sql, but counts only what continuity_memory does not hold: what is new, and where a gap
-- was. Memory is not believed beyond the last event that is there.
WITH unseen AS (
    SELECT lower(r) AS first_unseen, upper(r) - 1 AS last_unseen
    FROM unnest(int8multirange(int8range(%(start)s::bigint, %(end)s::bigint + 1))
                - (SELECT seen_whole FROM continuity_memory)
                  * int8multirange(int8range(1, (SELECT coalesce(max(sequence), 0) + 1 FROM events)))) r
), blocks AS (
    SELECT u.first_unseen, u.last_unseen, b.*
    FROM unseen u CROSS JOIN LATERAL (
        SELECT (sequence - 1) / 4096 AS block, min(sequence) AS first, max(sequence) AS last, count(*) AS present
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
    WHERE b.present < b.last - b.first + 1 AND inner_rows.next > inner_rows.sequence + 1
), real_gaps AS (
    SELECT gap_start, gap_end,
           CASE WHEN gap_start > %(start)s::bigint THEN gap_start ELSE coalesce(
               (SELECT max(e.sequence) + 1 FROM events e WHERE e.sequence < gap_start), 1) END AS whole_start,
           CASE WHEN gap_end < %(end)s::bigint THEN gap_end ELSE coalesce(
               (SELECT min(e.sequence) - 1 FROM events e WHERE e.sequence > gap_end), gap_end) END AS whole_end
    FROM gaps WHERE gap_end >= gap_start
)
SELECT gap_start, gap_end, (
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
