-- Every row about these ceremonies.
SELECT c.ceremony_id::text, c.kind, c.step, c.person, c.content ->> 'proposal', c.content ->> 'proposal_hash',
       c.content ->> 'public_key', c.content ->> 'signature', c.content ->> 'sequence', c.event_id::text,
       canonical_time(c.recorded_at)
FROM ceremonies c WHERE c.ceremony_id = ANY (%(ceremony_ids)s::uuid[]) ORDER BY c.id
