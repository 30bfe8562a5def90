-- Rows outside the sequence, which begins with 1: by number, and those with NULL.
SELECT sequence, event_id::text FROM events WHERE sequence < 1 OR sequence IS NULL
ORDER BY sequence LIMIT %(limit)s
