-- name: server_facts
-- What the ledger needs to know of a server before it relies on it.
SELECT current_database(), current_setting('server_encoding'),
       NOT pg_is_in_recovery() AND NOT current_setting('transaction_read_only')::boolean,
       array_remove(ARRAY[CASE WHEN NOT current_setting('fsync')::boolean THEN 'fsync' END,
                          CASE WHEN NOT current_setting('full_page_writes')::boolean THEN 'full_page_writes' END], NULL)

-- name: applied_migrations
-- Every applied migration.
SELECT app, name FROM django_migrations ORDER BY app, name

-- name: set_proposal_days
-- Store how many days a proposal stands.
UPDATE ledger_config SET proposal_days = %(days)s

-- name: analyze
-- Update the planner's statistics.
ANALYZE

-- name: restore_target
-- The contents of a restore's target: its own mark, and the number of other relations.
SELECT to_regclass('public.restore_under_way') IS NOT NULL, to_regclass('public.events') IS NOT NULL,
       (SELECT count(*) FROM pg_class c
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'S')
          AND c.relname <> 'restore_under_way'),
       current_database(), current_setting('server_version_num')::int / 10000

-- name: create_mark
-- The table that marks a database as being restored.
CREATE TABLE restore_under_way (
    manifest_sha256 TEXT NOT NULL, verified BOOLEAN NOT NULL DEFAULT false, begun_at TIMESTAMPTZ NOT NULL DEFAULT now())

-- name: set_mark
-- The mark: the backup that is being restored.
INSERT INTO restore_under_way (manifest_sha256) VALUES (%(manifest_sha256)s)

-- name: read_mark
-- The mark of a database that has one.
SELECT manifest_sha256, verified FROM restore_under_way

-- name: note_verified
-- Mark the restored data as verified.
UPDATE restore_under_way SET verified = true

-- name: drop_mark
-- Remove the mark.
DROP TABLE restore_under_way

-- name: snapshot_only_reads
-- For the transaction: one snapshot, and no writes.
SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY

-- name: export_snapshot
-- Export this transaction's snapshot, valid while the transaction lasts.
SELECT pg_export_snapshot(), current_setting('server_version'), current_setting('server_version_num')::int / 10000,
       canonical_time(clock_timestamp()), pg_database_size(current_database())
