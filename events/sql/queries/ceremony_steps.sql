-- Every step of these ceremonies, in order; for a proposal, when it expires and whether it has.
SELECT c.ceremony_id::text, c.kind, c.step, c.person, c.content ->> 'proposal', c.content ->> 'proposal_hash',
       c.content ->> 'public_key', c.content ->> 'signature', (c.content ->> 'sequence')::bigint,
       to_char(c.recorded_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
       canonical_time(proposal_expires(c.recorded_at)), clock_timestamp() >= proposal_expires(c.recorded_at)
FROM ceremonies c
WHERE c.ceremony_id = ANY (%(ceremony_ids)s::uuid[])
ORDER BY c.id
