SELECT register_agent_key(%(key_id)s, %(agent_id)s, %(public_key)s)
