-- Files that were imported completely, the newest imports first: name, size and digest.
SELECT i.value ->> 'source', (i.value ->> 'content_bytes')::bigint, i.value ->> 'content_sha256', f.sequence
FROM (
    SELECT sequence, payload FROM events
    WHERE event_type = 'system.import_finished' AND agent_id IS NULL
    ORDER BY sequence DESC
    LIMIT %(imports)s
) f, jsonb_array_elements(f.payload -> 'inputs') i
WHERE i.value ->> 'content_sha256' IS NOT NULL AND (i.value ->> 'content_bytes')::bigint > 0
  AND (i.value ->> 'added')::bigint + (i.value ->> 'already_there')::bigint > 0
ORDER BY f.sequence DESC
