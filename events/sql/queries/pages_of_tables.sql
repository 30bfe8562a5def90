-- Number of pages of each table; 0 for a table that does not exist.
SELECT coalesce(pg_relation_size(to_regclass(name)), 0) / current_setting('block_size')::bigint
FROM unnest(%(tables)s::text[]) WITH ORDINALITY AS asked (name, place) ORDER BY place
