-- How far this server is: the place in the primary's log up to which it has replayed, null where it
-- replays nothing, and the head it shows.
SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn()::text END,
       coalesce((SELECT last_sequence FROM appends ORDER BY last_sequence DESC LIMIT 1), 0)
