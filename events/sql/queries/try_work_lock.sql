-- The session's own lock, so that it falls with the session: a worker that dies holds nothing.
SELECT pg_try_advisory_lock(%(kind)s::integer, %(number)s::integer)
