SELECT sequence, authority_timestamp FROM canonical_events WHERE sequence = ANY (%(sequences)s::bigint[])
