-- The events that the watch recorded, in order. Their types are reserved for the system.
SELECT e.sequence, e.event_type, coalesce(e.payload ->> 'finding', ''),
       to_char(e.authority_timestamp AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
       coalesce(e.payload ->> 'detail', ''), coalesce(e.payload -> 'deviations' -> 0, 'null')::text
FROM events e WHERE e.event_type = ANY (%(types)s::text[]) AND e.agent_id IS NULL
ORDER BY e.sequence
