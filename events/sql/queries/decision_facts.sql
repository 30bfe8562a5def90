-- Rows in force that no event of the chain decided, or decided but not in force: one row per fact,
-- as in guard_facts.sql. None where people, keys, threshold and halt are what the events say. While
-- a ledger is halted, the event of one of the first people may still be waiting.
WITH decided AS (
    SELECT e.sequence, e.event_id, e.event_type, e.payload, e.payload #> '{proposal,details}' AS details
    FROM events e
    WHERE e.agent_id IS NULL AND e.event_type IN (
        'system.person_registered', 'system.halted', 'ceremony.add_person', 'ceremony.retire_person',
        'ceremony.rotate_key', 'ceremony.retire_key', 'ceremony.drift_threshold', 'ceremony.clear_halt')
), registry AS (
    SELECT key_id AS name, public_key, from_sequence, until_sequence FROM agent_keys
    UNION ALL
    SELECT witness_id, public_key, from_sequence, until_sequence FROM witnesses
), waiting AS (
    SELECT record FROM jsonb_array_elements(waiting_records()) record
), key_changes AS (
    SELECT d.sequence, d.details ->> 'old_key' AS old, d.details ->> 'new_key' AS new, d.details ->> 'new_public_key' AS public_key
    FROM decided d WHERE d.event_type IN ('ceremony.rotate_key', 'ceremony.retire_key')
)
SELECT 'person', k.person || ' ' || k.public_key, 'registered, and no event says so', false
FROM person_keys k
WHERE NOT EXISTS (
        SELECT FROM decided d WHERE d.event_id = k.event_id AND (k.person, k.public_key) = (
            CASE d.event_type WHEN 'system.person_registered' THEN d.payload ->> 'person' WHEN 'ceremony.add_person' THEN d.details ->> 'person' END,
            CASE d.event_type WHEN 'system.person_registered' THEN d.payload ->> 'public_key' WHEN 'ceremony.add_person' THEN d.details ->> 'public_key' END))
  AND NOT EXISTS (
        SELECT FROM waiting w WHERE w.record ->> 'event_id' = k.event_id::text
          AND (k.person, k.public_key) = (w.record #>> '{payload,person}', w.record #>> '{payload,public_key}'))
UNION ALL
SELECT 'person', d.person || ' ' || d.public_key, format('registered by event %%s, when three people were registered already', d.sequence), false
FROM (
    SELECT d.sequence, d.payload ->> 'person' AS person, d.payload ->> 'public_key' AS public_key, row_number() OVER (ORDER BY d.sequence) AS number
    FROM decided d WHERE d.event_type = 'system.person_registered') d
WHERE d.number > 3
UNION ALL
SELECT 'person', d.person || ' ' || d.public_key, format('not in force, and event %%s registered them', d.sequence), false
FROM (
    SELECT d.sequence, d.event_id, s ->> 'person' AS person, s ->> 'public_key' AS public_key
    FROM decided d CROSS JOIN LATERAL (SELECT CASE d.event_type WHEN 'system.person_registered' THEN d.payload ELSE d.details END) said (s)
    WHERE d.event_type IN ('system.person_registered', 'ceremony.add_person')) d
WHERE NOT EXISTS (
    SELECT FROM person_keys k WHERE k.event_id = d.event_id AND (k.person, k.public_key) = (d.person, d.public_key))
UNION ALL
SELECT 'record', u.event_type || ' ' || replace(u.event_id::text, '-', ''), 'waits to be written, and nothing calls for it', false
FROM unwritten_records u
WHERE NOT EXISTS (SELECT FROM events e WHERE e.event_id = u.event_id)
  AND NOT EXISTS (SELECT FROM waiting w WHERE w.record ->> 'event_id' = u.event_id::text)
UNION ALL
SELECT 'person', d.details ->> 'person' || ' ' || k.public_key, format('valid beyond event %%s, which retired them', d.sequence), false
FROM decided d JOIN person_keys k ON k.person = d.details ->> 'person' AND k.from_sequence <= d.sequence
WHERE d.event_type = 'ceremony.retire_person' AND (k.until_sequence IS NULL OR k.until_sequence > d.sequence)
UNION ALL
SELECT 'key', k.name, format('valid beyond event %%s, which ended it', c.sequence), false
FROM key_changes c JOIN registry k ON k.name = c.old
WHERE k.until_sequence IS NULL OR k.until_sequence > c.sequence
UNION ALL
SELECT 'key', c.old, format('gone, and event %%s speaks of it', c.sequence), false
FROM key_changes c WHERE NOT EXISTS (SELECT FROM registry k WHERE k.name = c.old)
UNION ALL
SELECT 'key', c.new, format('not what event %%s decided', c.sequence), false
FROM key_changes c
WHERE c.new IS NOT NULL AND NOT EXISTS (
    SELECT FROM registry k WHERE k.name = c.new AND k.public_key = c.public_key AND k.from_sequence > c.sequence)
UNION ALL
SELECT 'threshold', 'drift', format('%%s s, and event %%s decided %%s s', c.drift_threshold_seconds, d.sequence, d.details ->> 'seconds'), false
FROM ledger_config c CROSS JOIN (
    SELECT sequence, details FROM decided WHERE event_type = 'ceremony.drift_threshold' ORDER BY sequence DESC LIMIT 1) d
WHERE c.drift_threshold_seconds IS DISTINCT FROM (d.details ->> 'seconds')::numeric
UNION ALL
SELECT 'threshold', 'drift', format('%%s s, and its operator set %%s s', drift_threshold_seconds, operator_threshold_seconds), false
FROM ledger_config
WHERE drift_threshold_seconds IS DISTINCT FROM operator_threshold_seconds
  AND NOT EXISTS (SELECT FROM decided WHERE event_type = 'ceremony.drift_threshold')
UNION ALL
SELECT 'threshold', 'drift', 'gone, and nothing is appended without it', false
WHERE NOT EXISTS (SELECT FROM ledger_config)
UNION ALL
SELECT 'halt', 'state', 'gone, and nothing is appended without it', false
WHERE NOT EXISTS (SELECT FROM halt_state)
UNION ALL
SELECT 'halt', format('event %%s', d.sequence), 'lifted, and no ceremony says so', false
FROM (SELECT max(sequence) AS sequence FROM decided WHERE event_type = 'system.halted') d
WHERE d.sequence > coalesce((SELECT max(sequence) FROM decided WHERE event_type = 'ceremony.clear_halt'), 0)
  AND NOT EXISTS (SELECT FROM halt_state h WHERE h.halted)
ORDER BY 1, 2
