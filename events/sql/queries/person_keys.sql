SELECT person, public_key,
       to_char(active_from AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
       to_char(active_until AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
       from_sequence, until_sequence, (
           -- The event of the chain that says so. A key of which none does was put there by force.
           SELECT e.sequence FROM events e
           WHERE e.event_id = k.event_id AND e.agent_id IS NULL AND k.public_key = CASE e.event_type
               WHEN 'system.person_registered' THEN e.payload ->> 'public_key'
               WHEN 'ceremony.add_person' THEN e.payload #>> '{proposal,details,public_key}' END)
FROM person_keys k ORDER BY from_sequence, person
