-- True if the server accepts writes from this session: not a standby, and not read-only.
SELECT NOT pg_catalog.pg_is_in_recovery() AND NOT pg_catalog.current_setting('transaction_read_only')::pg_catalog.bool
