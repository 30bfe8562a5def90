-- name: newest
-- Proposals, newest first, before a keyset position.
SELECT c.id, c.ceremony_id::text
FROM ceremonies c
WHERE c.step = 'proposed' AND (%(before)s::bigint IS NULL OR c.id < %(before)s::bigint)
ORDER BY c.id DESC
LIMIT %(limit)s

-- fragment: step_columns
-- A step of a ceremony as a proposal or vote was signed.
c.ceremony_id::text, c.kind, c.step, c.person, c.content ->> 'proposal', c.content ->> 'proposal_hash',
c.content ->> 'public_key', c.content ->> 'signature'

-- name: steps
-- Every step of these ceremonies, in order; for a proposal, when it expires and whether it has.
SELECT
    -- include: ceremonies.step_columns
    , (c.content ->> 'sequence')::bigint, canonical_time(c.recorded_at),
    canonical_time(proposal_expires(c.recorded_at)), clock_timestamp() >= proposal_expires(c.recorded_at)
FROM ceremonies c WHERE c.ceremony_id = ANY (%(ceremony_ids)s::uuid[]) ORDER BY c.id

-- name: rows
-- Every row about these ceremonies, as it stands, in order.
SELECT
    -- include: ceremonies.step_columns
    , c.content ->> 'sequence', c.event_id::text, canonical_time(c.recorded_at)
FROM ceremonies c WHERE c.ceremony_id = ANY (%(ceremony_ids)s::uuid[]) ORDER BY c.id

-- name: without_event
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

-- name: is_approved
-- True if enough people with active keys approve.
SELECT ceremony_is_approved(%(ceremony_id)s::uuid)

-- name: add_step
-- Insert a proposal or a vote.
INSERT INTO ceremonies (ceremony_id, kind, step, person, content)
VALUES (%(ceremony_id)s::uuid, %(kind)s, %(step)s, %(person)s, %(content)s::jsonb)

-- name: open_ceremony
-- Begin to record a ceremony: the type of its event and the required payload.
SELECT kind, payload FROM open_ceremony(%(ceremony_id)s::uuid)

-- name: settle
-- Run deferred constraints now, where their error can be named.
SET CONSTRAINTS ALL IMMEDIATE

-- name: halt_ledger
-- Halt the ledger; NULL if it was halted already.
SELECT halt_ledger(%(reason)s, %(by)s, %(event_id)s::uuid, %(because)s)

-- name: unwritten_records
-- The events to write when the present halt is cleared, oldest first, as JSON.
SELECT waiting_records()::text
