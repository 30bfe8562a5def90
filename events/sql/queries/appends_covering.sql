-- The appends that cover start … end in order, preceded by the one before them.
(SELECT last_sequence, first_sequence, content_hash, canonical_time(authority_timestamp), event_count
 FROM appends WHERE last_sequence BETWEEN 1 AND %(start)s::bigint - 1 ORDER BY last_sequence DESC LIMIT 1)
UNION ALL
(SELECT last_sequence, first_sequence, content_hash, canonical_time(authority_timestamp), event_count
 FROM appends WHERE last_sequence BETWEEN %(start)s::bigint AND %(end)s::bigint ORDER BY last_sequence)
UNION ALL
(SELECT last_sequence, first_sequence, content_hash, canonical_time(authority_timestamp), event_count
 FROM appends WHERE last_sequence > %(end)s::bigint ORDER BY last_sequence LIMIT 1)
