-- Advisory lock until the transaction ends.
SELECT pg_advisory_xact_lock(%(kind)s::bigint)
