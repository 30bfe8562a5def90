-- How many pages the tables have whose rows are looked at as they lie.
SELECT pg_relation_size('events') / current_setting('block_size')::bigint,
       pg_relation_size('appends') / current_setting('block_size')::bigint,
       pg_relation_size('clock_drift_warnings') / current_setting('block_size')::bigint,
       pg_relation_size('drifted_events') / current_setting('block_size')::bigint
