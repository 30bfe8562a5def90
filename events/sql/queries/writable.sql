-- Whether the server takes writes from this session: it is no standby, and nothing made it read-only.
SELECT NOT pg_catalog.pg_is_in_recovery() AND NOT pg_catalog.current_setting('transaction_read_only')::pg_catalog.bool
