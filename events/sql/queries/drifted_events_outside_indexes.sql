-- Of a stretch of the list of drifted events: numbers outside the sequence. One that is missing in it
-- was lost with its event, and the gap says so.
SELECT d.sequence, NULL
FROM drifted_events d
WHERE d.ctid >= %(first)s::tid AND d.ctid < %(end)s::tid
  AND (d.sequence < 1 OR d.sequence > coalesce((SELECT max(last_sequence) FROM appends), 0))
LIMIT %(limit)s
