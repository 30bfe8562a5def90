SELECT retire_agent_key(%(key_id)s)
