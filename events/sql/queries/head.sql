SELECT last_sequence, content_hash, canonical_time(authority_timestamp), event_count
FROM appends ORDER BY last_sequence DESC LIMIT 1
