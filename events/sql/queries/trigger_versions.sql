-- Which transaction last wrote each trigger's row of the catalogue: switching a trigger off and on
-- again leaves it as it was, but not this.
SELECT c.relname || '.' || t.tgname, t.oid::text || '/' || t.xmin::text
FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
WHERE NOT t.tgisinternal AND c.relnamespace = 'public'::regnamespace AND c.relname = ANY (%(tables)s::text[])
ORDER BY 1
