SELECT halted, reason, to_char(halted_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), halted_by FROM halt_state
