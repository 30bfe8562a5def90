-- fragment: validity
-- The validity of a key, by time and by sequence.
canonical_time(active_from), canonical_time(active_until), from_sequence, until_sequence

-- name: agent_keys
-- Every key of agents, oldest first.
SELECT key_id, agent_id, public_key, sig_alg_version, custody,
    -- include: registry.validity
FROM agent_keys ORDER BY from_sequence, key_id

-- name: witnesses
-- Every witness, oldest first.
SELECT witness_id, public_key,
    -- include: registry.validity
FROM witnesses ORDER BY from_sequence, witness_id

-- name: person_keys
-- Every key of people, oldest first, and the event that registered it.
SELECT person, public_key,
    -- include: registry.validity
    , (
        -- The event of the chain that says so. A key of which none does was put there by force.
        SELECT e.sequence FROM events e
        WHERE e.event_id = k.event_id AND e.agent_id IS NULL AND k.public_key = CASE e.event_type
            WHEN 'system.person_registered' THEN e.payload ->> 'public_key'
            WHEN 'ceremony.add_person' THEN e.payload #>> '{proposal,details,public_key}' END)
FROM person_keys k ORDER BY from_sequence, person

-- name: active_agent_keys
-- The active key of each of these agents; '' is the system.
SELECT coalesce(agent_id, ''), key_id FROM agent_keys
WHERE until_sequence IS NULL AND coalesce(agent_id, '') = ANY (%(agent_ids)s::text[])

-- name: signing_keys
-- The unchangeable parts of these keys.
SELECT key_id, agent_id, public_key, custody FROM agent_keys WHERE key_id = ANY (%(key_ids)s::text[])

-- name: active_witnesses
-- The ids of the active witnesses.
SELECT witness_id FROM witnesses WHERE until_sequence IS NULL ORDER BY witness_id

-- name: agents_known
-- The agents among these that have or had a key, and the custody of the active one.
SELECT agent_id, max(custody) FILTER (WHERE until_sequence IS NULL) FROM agent_keys
WHERE agent_id = ANY (%(agent_ids)s::text[]) GROUP BY agent_id

-- name: agents_under
-- Number of agents with this name prefix that have or had a key.
SELECT count(DISTINCT agent_id) FROM agent_keys WHERE starts_with(agent_id, %(prefix)s)

-- name: ceremonies_in_force
-- True if enough people are registered that nobody decides alone any more.
SELECT ceremonies_in_force()

-- name: ledger_id
-- The name of the ledger.
SELECT ledger_id FROM ledger_config

-- name: open_ledger
-- Register the first two keys: the payload of the event that opens the ledger.
SELECT open_ledger(%(system)s, %(system_key)s, %(witness)s, %(witness_key)s)

-- name: register_first_person
-- Register one of the first people: the first sequence the key counts for.
SELECT register_first_person(%(person)s, %(public_key)s, %(event_id)s::uuid, %(proof)s)
