-- The reasons of halts that ceremonies cleared, with this prefix, newest first.
SELECT e.sequence, e.payload #>> '{proposal,details,halt_reason}'
FROM events e
WHERE e.event_type = 'ceremony.clear_halt' AND e.agent_id IS NULL
  AND starts_with(e.payload #>> '{proposal,details,halt_reason}', %(beginning)s)
ORDER BY e.sequence DESC
