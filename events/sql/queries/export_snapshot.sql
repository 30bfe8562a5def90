-- Exports this transaction's snapshot, valid while the transaction lasts.
SELECT pg_export_snapshot(), current_setting('server_version'), current_setting('server_version_num')::int / 10000,
       to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), pg_database_size(current_database())
