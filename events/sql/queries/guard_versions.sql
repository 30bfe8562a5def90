-- Which change of the catalogue made each guard what it is: (aspect and subject, version). What was
-- altered and put back is as it was, but not this. A table's own row tells of the flags that switch its
-- triggers, rules and indexes off; VACUUM and ANALYZE write it in place and leave its version.
WITH relations AS (
    SELECT c.oid, c.relname, c.xmin
    FROM pg_class c
    WHERE c.relnamespace = 'public'::regnamespace
      AND (c.relkind IN ('r', 'p') AND c.relname = ANY (%(tables)s::text[])
           OR c.relkind IN ('v', 'm') AND NOT starts_with(c.relname, 'procrastinate_'))
)
SELECT 'table ' || r.relname, r.oid::text || '/' || r.xmin::text || '/' || coalesce((
           SELECT hashtextextended(string_agg(a.attnum || '/' || a.xmin::text, ',' ORDER BY a.attnum), 0)::text
           FROM pg_attribute a WHERE a.attrelid = r.oid), '')
FROM relations r
UNION ALL
SELECT 'trigger ' || r.relname || '.' || t.tgname, t.oid::text || '/' || t.xmin::text
FROM relations r JOIN pg_trigger t ON t.tgrelid = r.oid WHERE NOT t.tgisinternal
UNION ALL
SELECT 'constraint ' || r.relname || '.' || c.conname, c.oid::text || '/' || c.xmin::text
FROM relations r JOIN pg_constraint c ON c.conrelid = r.oid
UNION ALL
SELECT 'index ' || i.relname, i.oid::text || '/' || x.xmin::text
FROM relations r JOIN pg_index x ON x.indrelid = r.oid JOIN pg_class i ON i.oid = x.indexrelid
UNION ALL
SELECT 'rule ' || r.relname || '.' || w.rulename, w.oid::text || '/' || w.xmin::text
FROM relations r JOIN pg_rewrite w ON w.ev_class = r.oid
UNION ALL
SELECT 'function ' || p.proname || '(' || oidvectortypes(p.proargtypes) || ')', p.oid::text || '/' || p.xmin::text
FROM pg_proc p
WHERE p.pronamespace = 'public'::regnamespace AND NOT starts_with(p.proname, 'procrastinate_')
ORDER BY 1
