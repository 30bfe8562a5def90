SELECT last_sequence, content_hash, to_char(authority_timestamp AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), event_count
FROM appends ORDER BY last_sequence DESC LIMIT 1
