-- Number of agents with this name prefix that have or had a key.
SELECT count(DISTINCT agent_id) FROM agent_keys WHERE starts_with(agent_id, %(prefix)s)
