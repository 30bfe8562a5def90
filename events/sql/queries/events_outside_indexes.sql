-- Events in a range of pages that are missing from the index of sequences or of ids: rows inserted
-- while an index was not maintained.
SELECT h.sequence, h.event_id::text
FROM events h
WHERE h.ctid >= %(first)s::tid AND h.ctid < %(end)s::tid
  AND NOT ((h.sequence IS NULL OR EXISTS (SELECT FROM (SELECT e.ctid FROM events e WHERE e.sequence = h.sequence OFFSET 0) x WHERE x.ctid = h.ctid))
       AND EXISTS (SELECT FROM (SELECT e.ctid FROM events e WHERE e.event_id = h.event_id OFFSET 0) x WHERE x.ctid = h.ctid))
LIMIT %(limit)s
