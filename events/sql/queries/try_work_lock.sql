-- A session-level advisory lock: released when the session ends, so a dead worker holds nothing.
SELECT pg_try_advisory_lock(%(kind)s::integer, %(number)s::integer)
