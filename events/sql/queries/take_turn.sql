-- Until the transaction ends, nobody else has the turn.
SELECT pg_advisory_xact_lock(%(kind)s::bigint)
