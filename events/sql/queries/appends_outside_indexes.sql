-- As events_outside_indexes.sql, of the record of appends.
SELECT h.last_sequence, NULL
FROM appends h
WHERE h.ctid >= %(first)s::tid AND h.ctid < %(end)s::tid
  AND NOT EXISTS (SELECT FROM (SELECT a.ctid FROM appends a WHERE a.last_sequence = h.last_sequence OFFSET 0) x
                  WHERE x.ctid = h.ctid)
LIMIT %(limit)s
