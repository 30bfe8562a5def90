-- Rows of drifted_events in a range of pages whose numbers lie outside the sequence. A number
-- missing there was lost with its event, and the gap reports it.
SELECT d.sequence, NULL
FROM drifted_events d
WHERE d.ctid >= %(first)s::tid AND d.ctid < %(end)s::tid
  AND (d.sequence < 1 OR d.sequence > coalesce((SELECT max(last_sequence) FROM appends), 0))
LIMIT %(limit)s
