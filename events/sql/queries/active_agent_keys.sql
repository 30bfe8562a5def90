SELECT coalesce(agent_id, ''), key_id FROM agent_keys
WHERE until_sequence IS NULL AND coalesce(agent_id, '') = ANY (%(agent_ids)s::text[])
