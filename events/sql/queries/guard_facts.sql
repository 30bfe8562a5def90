-- What guards the ledger, as the catalogue has it: one row a fact, (aspect, subject, value,
-- deparsed). A deparsed value is text that PostgreSQL writes out anew, which may read otherwise in
-- another major version. Roles are named by their part: application is who asks. Read behind
-- pin_catalogue.sql, so that no name is anybody else's.
WITH parts AS (
    SELECT current_user::text AS application, %(observer)s::text AS observer,
           coalesce(%(owner)s::text, (SELECT pg_get_userbyid(c.relowner)::text FROM pg_class c
               WHERE c.relnamespace = 'public'::regnamespace AND c.relname = 'events')) AS owner
), who AS (
    SELECT 0::oid AS oid, 'everybody' AS name, false AS super, true AS watched
    UNION ALL
    SELECT r.oid, CASE r.rolname WHEN p.application THEN 'application' WHEN p.observer THEN 'observer'
               WHEN p.owner THEN 'owner' ELSE r.rolname END,
           r.rolsuper, r.rolname IN (p.application, p.observer)
    FROM pg_roles r CROSS JOIN parts p
), relations AS (
    SELECT c.oid, c.relname, c.relkind, c.relowner, c.relacl, c.relpersistence, c.relrowsecurity, c.relforcerowsecurity,
           c.relhastriggers, c.relhasrules, c.relhasindex, c.relhassubclass, c.relchecks
    FROM pg_class c
    WHERE c.relnamespace = 'public'::regnamespace AND (
        c.relkind IN ('r', 'p') AND c.relname = ANY (%(tables)s::text[])
        -- Not what an extension brought along, made by the same transaction.
        OR c.relkind IN ('v', 'm') AND NOT starts_with(c.relname, 'procrastinate_') AND NOT EXISTS (
            SELECT FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid
            WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.refclassid = 'pg_extension'::regclass
              AND d.deptype = 'e' AND e.oid >= 16384 AND e.xmin = c.xmin)
        OR c.relkind = 'S' AND EXISTS (
            SELECT FROM pg_depend d JOIN pg_class t ON t.oid = d.refobjid
            WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype IN ('a', 'i')
              AND t.relnamespace = 'public'::regnamespace AND t.relname = ANY (%(tables)s::text[])))
), functions AS (
    SELECT p.*, p.proname || '(' || oidvectortypes(p.proargtypes) || ')' AS name
    FROM pg_proc p
    WHERE p.pronamespace = 'public'::regnamespace AND NOT starts_with(p.proname, 'procrastinate_')
      -- Not what an extension brought along; one that is made otherwise can be added to any.
      AND NOT EXISTS (SELECT FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid
                      WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.refclassid = 'pg_extension'::regclass
                        AND d.deptype = 'e' AND e.oid >= 16384 AND (p.prolang = 13 OR p.xmin = e.xmin))
), guards AS (
    -- Every trigger but those by which PostgreSQL checks foreign keys; being called internal hides none.
    SELECT t.* FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid
    WHERE NOT (t.tgisinternal AND t.tgconstraint <> 0 AND p.oid < 16384 AND starts_with(p.proname, 'RI_FKey_'))
), rights AS (
    SELECT 'rights on relation' AS aspect, r.relname::text AS subject, a.grantee, a.privilege_type, a.is_grantable, r.relowner AS owner
    FROM relations r CROSS JOIN aclexplode(coalesce(r.relacl, acldefault(CASE r.relkind WHEN 'S' THEN 's'::"char" ELSE 'r'::"char" END, r.relowner))) a
    UNION ALL
    SELECT 'rights on column', r.relname || '.' || t.attname, a.grantee, a.privilege_type, a.is_grantable, r.relowner
    FROM relations r JOIN pg_attribute t ON t.attrelid = r.oid CROSS JOIN aclexplode(t.attacl) a
    UNION ALL
    SELECT 'rights on function', f.name, a.grantee, a.privilege_type, a.is_grantable, f.proowner
    FROM functions f CROSS JOIN aclexplode(coalesce(f.proacl, acldefault('f', f.proowner))) a
    UNION ALL
    SELECT 'rights on schema', n.nspname, a.grantee, a.privilege_type, a.is_grantable, n.nspowner
    FROM pg_namespace n CROSS JOIN aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) a
    WHERE n.nspname = 'public' AND NOT (a.grantee = 0 AND a.privilege_type = 'USAGE')
    UNION ALL
    SELECT 'rights on database', 'it', a.grantee, a.privilege_type, a.is_grantable, d.datdba
    FROM pg_database d CROSS JOIN aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a
    WHERE d.datname = current_database() AND (a.privilege_type <> 'CONNECT' OR a.grantee = 0)
)
SELECT 'relation', relname::text, concat_ws(', ',
           CASE relkind WHEN 'r' THEN 'table' WHEN 'p' THEN 'partitioned table' WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' ELSE 'sequence' END,
           CASE relpersistence WHEN 'p' THEN 'logged' ELSE 'not logged' END,
           CASE WHEN relrowsecurity THEN 'row security' END, CASE WHEN relforcerowsecurity THEN 'forced' END), false
FROM relations
UNION ALL
SELECT 'owner of relation', r.relname, w.name, false FROM relations r JOIN who w ON w.oid = r.relowner
UNION ALL
SELECT 'column', r.relname || '.' || a.attname,
       concat_ws(' ', format_type(a.atttypid, a.atttypmod),
                 CASE WHEN a.attcollation <> t.typcollation THEN 'collate ' || a.attcollation::regcollation::text END, CASE WHEN a.attnotnull THEN 'not null' END,
                 CASE WHEN a.attidentity <> '' THEN 'identity' END, CASE WHEN a.attgenerated <> '' THEN 'generated' END,
                 CASE WHEN a.atthasdef THEN 'default ' || pg_get_expr(d.adbin, d.adrelid) END), false
FROM relations r JOIN pg_attribute a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped JOIN pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE r.relkind IN ('r', 'p')
UNION ALL
SELECT 'constraint', r.relname || '.' || c.conname,
       pg_get_constraintdef(c.oid), c.contype = 'c'
FROM relations r JOIN pg_constraint c ON c.conrelid = r.oid WHERE c.contype IN ('c', 'f', 'p', 'u', 'x')
UNION ALL
SELECT 'state of constraint', r.relname || '.' || c.conname,
       concat_ws(', ', CASE WHEN c.convalidated THEN 'valid' ELSE 'not validated' END, CASE WHEN c.condeferrable THEN 'deferrable' END,
                 CASE WHEN c.condeferred THEN 'deferred' END), false
FROM relations r JOIN pg_constraint c ON c.conrelid = r.oid WHERE c.contype IN ('c', 'f', 'p', 'u', 'x')
UNION ALL
SELECT 'index', i.relname, pg_get_indexdef(i.oid), x.indpred IS NOT NULL OR x.indexprs IS NOT NULL
FROM relations r JOIN pg_index x ON x.indrelid = r.oid JOIN pg_class i ON i.oid = x.indexrelid WHERE r.relkind IN ('r', 'p')
UNION ALL
SELECT 'state of index', i.relname,
       concat_ws(', ', CASE WHEN x.indisunique THEN 'unique' END, CASE WHEN x.indisprimary THEN 'primary key' END,
                 CASE WHEN x.indisvalid THEN 'valid' ELSE 'not valid' END, CASE WHEN NOT x.indisready THEN 'not kept up' END,
                 CASE WHEN NOT x.indislive THEN 'being dropped' END, CASE WHEN x.indisunique AND NOT x.indimmediate THEN 'not checked at once' END), false
FROM relations r JOIN pg_index x ON x.indrelid = r.oid JOIN pg_class i ON i.oid = x.indexrelid WHERE r.relkind IN ('r', 'p')
UNION ALL
SELECT 'trigger', r.relname || '.' || t.tgname, pg_get_triggerdef(t.oid), t.tgqual IS NOT NULL
FROM relations r JOIN guards t ON t.tgrelid = r.oid
UNION ALL
SELECT 'state of trigger', r.relname || '.' || t.tgname,
       CASE t.tgenabled WHEN 'A' THEN 'always on' WHEN 'D' THEN 'switched off'
            WHEN 'R' THEN 'on for replicas only' ELSE 'on, until a session sets session_replication_role' END, false
FROM relations r JOIN guards t ON t.tgrelid = r.oid
UNION ALL
SELECT 'foreign keys', r.relname, 'checks switched off', false
FROM relations r WHERE EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = r.oid AND t.tgisinternal AND t.tgenabled <> 'O')
UNION ALL
SELECT 'foreign key checks', r.relname, count(*)::text, false
FROM relations r JOIN pg_trigger t ON t.tgrelid = r.oid LEFT JOIN guards g ON g.oid = t.oid WHERE g.oid IS NULL
GROUP BY r.relname
UNION ALL
-- A flag of the table that says there is none of what there is: it is not fired, followed or asked.
SELECT 'flag of relation', r.relname, f.value, false
FROM relations r CROSS JOIN LATERAL (VALUES
    (NOT r.relhastriggers AND EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = r.oid), 'no trigger fires (relhastriggers)'),
    (NOT r.relhasrules AND EXISTS (SELECT FROM pg_rewrite w WHERE w.ev_class = r.oid), 'no rule is followed (relhasrules)'),
    (NOT r.relhasindex AND EXISTS (SELECT FROM pg_index x WHERE x.indrelid = r.oid), 'no index is kept up (relhasindex)'),
    (NOT r.relhassubclass AND EXISTS (SELECT FROM pg_inherits i WHERE i.inhparent = r.oid), 'no child is read (relhassubclass)'),
    (r.relkind IN ('r', 'p') AND r.relchecks <> (SELECT count(*) FROM pg_constraint c WHERE c.conrelid = r.oid AND c.contype = 'c'),
     'not every check is made (relchecks)')) f (wrong, value)
WHERE f.wrong
UNION ALL
SELECT 'rule', r.relname || '.' || w.rulename, pg_get_ruledef(w.oid), true
FROM relations r JOIN pg_rewrite w ON w.ev_class = r.oid 
WHERE NOT (r.relkind IN ('v', 'm') AND w.rulename = '_RETURN' AND w.ev_type = '1' AND w.is_instead)
UNION ALL
SELECT 'policy', r.relname || '.' || p.polname, p.polcmd::text, false FROM relations r JOIN pg_policy p ON p.polrelid = r.oid
UNION ALL
SELECT 'inheritance', i.inhrelid::regclass::text, 'from ' || i.inhparent::regclass::text, false
FROM pg_inherits i WHERE i.inhrelid IN (SELECT oid FROM relations) OR i.inhparent IN (SELECT oid FROM relations)
UNION ALL
SELECT 'view', r.relname, encode(sha256(convert_to(pg_get_viewdef(r.oid), 'UTF8')), 'hex'), true FROM relations r WHERE r.relkind IN ('v', 'm')
UNION ALL
SELECT 'sequence', r.relname, format('from %%s by %%s, %%s to %%s, cache %%s%%s', s.seqstart, s.seqincrement, s.seqmin, s.seqmax, s.seqcache,
           CASE WHEN s.seqcycle THEN ', cycles' ELSE '' END), false
FROM relations r JOIN pg_sequence s ON s.seqrelid = r.oid
UNION ALL
SELECT 'function', f.name, encode(sha256(convert_to(concat_ws('|', l.lanname, f.prosrc, f.prosecdef, f.proconfig, f.provolatile,
           f.proisstrict, f.proretset, pg_get_function_result(f.oid), pg_get_function_arguments(f.oid), f.prokind, f.probin, f.prosupport::oid,
           f.proleakproof), 'UTF8')), 'hex'), false
FROM functions f JOIN pg_language l ON l.oid = f.prolang
UNION ALL
SELECT 'body of function', f.name, pg_get_function_sqlbody(f.oid), true
FROM functions f WHERE f.prosqlbody IS NOT NULL
UNION ALL
SELECT 'owner of function', f.name, w.name, false FROM functions f JOIN who w ON w.oid = f.proowner
UNION ALL
-- What the owner has by owning says nothing; others than the portal's roles may read.
SELECT g.aspect, g.subject || ' to ' || w.name,
       string_agg(g.privilege_type || CASE WHEN g.is_grantable THEN ' with grant option' ELSE '' END, ', ' ORDER BY g.privilege_type), false
FROM rights g JOIN who w ON w.oid = g.grantee
WHERE g.grantee <> g.owner AND NOT w.super AND (w.watched OR g.privilege_type NOT IN ('SELECT', 'USAGE', 'CONNECT'))
GROUP BY g.aspect, g.subject, w.name
ORDER BY 1, 2
