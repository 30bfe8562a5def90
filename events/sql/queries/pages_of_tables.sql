-- How many pages the tables have whose rows are looked at as they lie; one that is gone has none.
SELECT coalesce(pg_relation_size(to_regclass(name)), 0) / current_setting('block_size')::bigint
FROM unnest(%(tables)s::text[]) WITH ORDINALITY AS asked (name, place) ORDER BY place
