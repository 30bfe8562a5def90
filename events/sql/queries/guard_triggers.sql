-- The triggers of the ledger's tables as the catalogue has them. The fingerprint covers what a
-- trigger does: when it fires, under which condition, and the text of its function.
SELECT c.relname, t.tgname, t.tgenabled::text, p.proname,
       left(encode(sha256(convert_to(concat_ws('|', t.tgtype, t.tgqual IS NULL, t.tgattr, p.prosecdef, p.prosrc),
                                     'UTF8')), 'hex'), 16)
FROM pg_trigger t
JOIN pg_class c ON c.oid = t.tgrelid
JOIN pg_proc p ON p.oid = t.tgfoid
WHERE NOT t.tgisinternal AND c.relnamespace = 'public'::regnamespace AND c.relname = ANY (%(tables)s::text[])
ORDER BY 1, 2
