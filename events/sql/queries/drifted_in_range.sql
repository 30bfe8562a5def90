SELECT sequence, agent_id FROM drifted_events WHERE sequence BETWEEN %(start)s::bigint AND %(end)s::bigint ORDER BY sequence
