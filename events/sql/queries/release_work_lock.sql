SELECT pg_advisory_unlock(%(kind)s::integer, %(number)s::integer)
