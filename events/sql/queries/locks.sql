-- name: lock
-- Advisory lock until the transaction ends.
SELECT pg_advisory_xact_lock(%(kind)s::bigint)

-- name: try_lock
-- A session-level advisory lock: released when the session ends, so a dead worker holds nothing.
SELECT pg_try_advisory_lock(%(kind)s::integer, %(number)s::integer)

-- name: unlock
-- Release a session-level lock.
SELECT pg_advisory_unlock(%(kind)s::integer, %(number)s::integer)

-- name: held
-- The numbers of one kind whose advisory lock some session of this database holds.
SELECT objid::bigint FROM pg_catalog.pg_locks
WHERE locktype = 'advisory' AND granted AND objsubid = 2 AND classid::bigint = %(kind)s
  AND database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())

-- name: lock_holders
-- Transactions that block every append: they hold the ledger's lock, or a conflicting lock on one
-- of its tables. Start and state of another role's session are not visible to the application.
SELECT l.virtualtransaction, l.pid, p.gid, coalesce(p.owner, a.usename)::text,
       (extract(epoch FROM clock_timestamp() - coalesce(p.prepared, a.xact_start)))::float8,
       CASE WHEN starts_with(a.state, 'idle') THEN (extract(epoch FROM clock_timestamp() - a.state_change))::float8
            WHEN a.state IS NOT NULL THEN 0 END,
       l.mode = 'AccessExclusiveLock'
FROM pg_locks l
LEFT JOIN pg_stat_activity a ON a.pid = l.pid
LEFT JOIN pg_locks x ON l.pid IS NULL AND x.pid IS NULL AND x.locktype = 'transactionid' AND x.granted
                    AND x.virtualtransaction = l.virtualtransaction
LEFT JOIN pg_prepared_xacts p ON p.transaction = x.transactionid
WHERE l.locktype = 'relation' AND l.granted AND l.pid IS DISTINCT FROM pg_backend_pid()
  AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
  AND (l.relation = 'public.ledger_config'::regclass
       AND l.mode IN ('ShareUpdateExclusiveLock', 'ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock',
                      'AccessExclusiveLock')
    OR l.relation IN ('public.events'::regclass, 'public.appends'::regclass,
                      'public.clock_drift_warnings'::regclass, 'public.drifted_events'::regclass)
       AND l.mode IN ('ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')
    OR l.relation IN ('public.halt_state'::regclass, 'public.agent_keys'::regclass, 'public.witnesses'::regclass)
       AND l.mode = 'AccessExclusiveLock')
