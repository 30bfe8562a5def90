-- How many pages the tables have that are compared with their indexes.
SELECT pg_relation_size('events') / current_setting('block_size')::bigint,
       pg_relation_size('appends') / current_setting('block_size')::bigint
