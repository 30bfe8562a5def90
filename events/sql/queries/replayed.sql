-- How far this server is, were it a replica: the head it shows, and the place in the primary's log
-- up to which it has replayed. A primary replays nothing.
SELECT pg_is_in_recovery(), pg_last_wal_replay_lsn()::text,
       coalesce((SELECT last_sequence FROM appends ORDER BY last_sequence DESC LIMIT 1), 0)
