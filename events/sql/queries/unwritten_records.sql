-- System events that are still to be written, oldest first.
SELECT u.event_id::text, u.event_type, u.payload::text, u.recorded_at
FROM unwritten_records u
WHERE NOT EXISTS (SELECT FROM events e WHERE e.event_id = u.event_id)
ORDER BY u.recorded_at
