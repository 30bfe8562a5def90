-- The agents among these that have or had a key, and whether one is active.
SELECT agent_id, bool_or(until_sequence IS NULL) FROM agent_keys
WHERE agent_id = ANY (%(agent_ids)s::text[]) GROUP BY agent_id
