-- The numbers of one kind whose advisory lock some session of this database holds.
SELECT objid::bigint FROM pg_catalog.pg_locks
WHERE locktype = 'advisory' AND granted AND objsubid = 2 AND classid::bigint = %(kind)s
  AND database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
