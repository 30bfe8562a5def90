-- Proposals, newest first, before a keyset position.
SELECT c.id, c.ceremony_id::text
FROM ceremonies c
WHERE c.step = 'proposed' AND (%(before)s::bigint IS NULL OR c.id < %(before)s::bigint)
ORDER BY c.id DESC
LIMIT %(limit)s
