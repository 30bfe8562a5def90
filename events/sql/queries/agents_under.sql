-- How many agents have or had a key whose names begin so.
SELECT count(DISTINCT agent_id) FROM agent_keys WHERE starts_with(agent_id, %(prefix)s)
