-- Asked of the primary about a replica whose head is %(sequence)s: the primary's own head, and for
-- how long the replica has lacked the first append that it does not show. Not the time of its last
-- replay: that grows while nobody writes.
SELECT coalesce((SELECT last_sequence FROM appends ORDER BY last_sequence DESC LIMIT 1), 0),
       coalesce((SELECT extract(epoch FROM clock_timestamp() - a.authority_timestamp)
                 FROM appends a WHERE a.last_sequence > %(sequence)s::bigint
                 ORDER BY a.last_sequence LIMIT 1), 0)
