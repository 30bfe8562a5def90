-- Ceremonies whose row claims a recording event that does not exist or is not theirs. If the number
-- itself is missing, the row was lost with its event, and the gap reports it.
SELECT c.ceremony_id::text, c.content ->> 'sequence'
FROM ceremonies c LEFT JOIN events e ON e.event_id = c.event_id
WHERE c.step = 'recorded'
  AND (e.event_type IS DISTINCT FROM c.kind OR e.payload ->> 'ceremony_id' IS DISTINCT FROM c.ceremony_id::text
       OR e.sequence::text IS DISTINCT FROM c.content ->> 'sequence')
  AND (e.event_id IS NOT NULL OR EXISTS (SELECT FROM events o WHERE o.sequence::text = c.content ->> 'sequence')
       OR NOT EXISTS (SELECT FROM appends a WHERE a.last_sequence::numeric >= CASE
              WHEN c.content ->> 'sequence' ~ '^[0-9]{1,19}$' THEN (c.content ->> 'sequence')::numeric END))
ORDER BY c.id LIMIT %(limit)s
