-- Imports that were started and not finished: running or interrupted.
SELECT s.sequence, s.payload
FROM events s
WHERE s.event_type = 'system.import_started' AND s.agent_id IS NULL
  AND NOT EXISTS (
    SELECT FROM events f
    WHERE f.event_type = 'system.import_finished' AND f.agent_id IS NULL
      AND f.payload ->> 'import_id' = s.payload ->> 'import_id')
ORDER BY s.sequence
