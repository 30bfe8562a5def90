-- The contents of a restore's target: its own mark, and the number of other relations.
SELECT to_regclass('public.restore_under_way') IS NOT NULL, to_regclass('public.events') IS NOT NULL,
       (SELECT count(*) FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'S')
          AND c.relname <> 'restore_under_way'),
       current_database(), current_setting('server_version_num')::int / 10000
