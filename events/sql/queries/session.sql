-- name: pin
-- Settings that the portal relies on, set for the session over those of its role, its database and its
-- server. What this PostgreSQL does not know is passed over. Everything is qualified: this is what sets
-- the search path. default_transaction_read_only is left alone: it stops writing where that is wanted.
SELECT pg_catalog.set_config(pin.name, pin.value, false)
FROM (VALUES
    ('search_path', 'public, pg_temp'), -- pg_catalog stands before both
    ('client_encoding', 'UTF8'),
    ('standard_conforming_strings', 'on'),
    ('DateStyle', 'ISO, MDY'),
    ('IntervalStyle', 'postgres'),
    ('TimeZone', 'UTC'),
    ('bytea_output', 'hex'),
    ('extra_float_digits', '1'),
    ('quote_all_identifiers', 'off'),
    ('array_nulls', 'on'),
    ('transform_null_equals', 'off'),
    ('gin_fuzzy_search_limit', '0'),
    ('client_min_messages', 'warning'),
    ('exit_on_error', 'off'),
    ('plan_cache_mode', 'auto'),
    ('default_transaction_isolation', 'read committed'),
    ('default_transaction_deferrable', 'off'),
    -- The portal bounds what should be bounded itself, statement by statement; it pools connections.
    ('statement_timeout', '0'),
    ('lock_timeout', '10s'), -- nobody keeps a thread for longer; an append says its own
    ('transaction_timeout', '0'),
    ('idle_in_transaction_session_timeout', '0'),
    ('idle_session_timeout', '0'),
    -- What is answered is on disk. Stronger than that is the operator's to ask for.
    ('synchronous_commit', CASE WHEN pg_catalog.current_setting('synchronous_commit') OPERATOR(pg_catalog.=) 'remote_apply'
                                THEN 'remote_apply' ELSE 'on' END)
) pin (name, value)
WHERE pg_catalog.current_setting(pin.name, true) IS NOT NULL

-- name: writable
-- True if the server accepts writes from this session: not a standby, and not read-only.
SELECT NOT pg_catalog.pg_is_in_recovery() AND NOT pg_catalog.current_setting('transaction_read_only')::pg_catalog.bool
