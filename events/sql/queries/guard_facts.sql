-- What guards the ledger, as the catalogue has it: one row a fact, (aspect, subject, value,
-- deparsed). A deparsed value is text that PostgreSQL writes out anew, which may read otherwise in
-- another major version. Roles are named by their part: application is who asks.
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
    SELECT c.oid, c.relname, c.relkind, c.relowner, c.relacl, c.relpersistence, c.relrowsecurity, c.relforcerowsecurity
    FROM pg_class c
    WHERE c.relnamespace = 'public'::regnamespace AND (
        c.relkind IN ('r', 'p') AND c.relname = ANY (%(tables)s::text[])
        OR c.relkind IN ('v', 'm') AND NOT starts_with(c.relname, 'procrastinate_')
        OR c.relkind = 'S' AND EXISTS (
            SELECT FROM pg_depend d JOIN pg_class t ON t.oid = d.refobjid
            WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype IN ('a', 'i')
              AND t.relnamespace = 'public'::regnamespace AND t.relname = ANY (%(tables)s::text[])))
), functions AS (
    SELECT p.*, p.proname || '(' || oidvectortypes(p.proargtypes) || ')' AS name
    FROM pg_proc p
    WHERE p.pronamespace = 'public'::regnamespace AND NOT starts_with(p.proname, 'procrastinate_')
      AND NOT EXISTS (SELECT FROM pg_depend d
                      WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
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
    WHERE d.datname = current_database() AND a.privilege_type = 'CREATE'
), attributes AS (
    SELECT r.oid, r.rolname::text AS rolname, concat_ws(', ', CASE WHEN r.rolsuper THEN 'superuser' END,
               CASE WHEN r.rolcreaterole THEN 'creates roles' END, CASE WHEN r.rolcreatedb THEN 'creates databases' END,
               CASE WHEN r.rolreplication THEN 'replicates' END, CASE WHEN r.rolbypassrls THEN 'bypasses row security' END) AS held
    FROM pg_roles r
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
       concat_ws(' ', format_type(a.atttypid, a.atttypmod), CASE WHEN a.attnotnull THEN 'not null' END,
                 'default ' || pg_get_expr(d.adbin, d.adrelid)), false
FROM relations r JOIN pg_attribute a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE r.relkind IN ('r', 'p')
UNION ALL
SELECT 'constraint', r.relname || '.' || c.conname,
       pg_get_constraintdef(c.oid), c.contype = 'c'
FROM relations r JOIN pg_constraint c ON c.conrelid = r.oid WHERE c.contype IN ('c', 'f', 'p', 'u', 'x')
UNION ALL
SELECT 'index', i.relname, pg_get_indexdef(i.oid) || CASE WHEN x.indisvalid AND x.indisready AND x.indislive THEN '' ELSE ' (not valid)' END,
       x.indpred IS NOT NULL OR x.indexprs IS NOT NULL
FROM relations r JOIN pg_index x ON x.indrelid = r.oid JOIN pg_class i ON i.oid = x.indexrelid WHERE r.relkind IN ('r', 'p')
UNION ALL
SELECT 'trigger', r.relname || '.' || t.tgname, pg_get_triggerdef(t.oid), t.tgqual IS NOT NULL
FROM relations r JOIN pg_trigger t ON t.tgrelid = r.oid WHERE NOT t.tgisinternal
UNION ALL
SELECT 'state of trigger', r.relname || '.' || t.tgname,
       CASE t.tgenabled WHEN 'A' THEN 'always on' WHEN 'D' THEN 'switched off'
            WHEN 'R' THEN 'on for replicas only' ELSE 'on, until a session sets session_replication_role' END, false
FROM relations r JOIN pg_trigger t ON t.tgrelid = r.oid WHERE NOT t.tgisinternal
UNION ALL
SELECT 'foreign keys', r.relname, 'checks switched off', false
FROM relations r WHERE EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = r.oid AND t.tgisinternal AND t.tgenabled <> 'O')
UNION ALL
SELECT 'rule', r.relname || '.' || w.rulename, pg_get_ruledef(w.oid), true
FROM relations r JOIN pg_rewrite w ON w.ev_class = r.oid WHERE w.rulename <> '_RETURN'
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
           f.proisstrict, f.proretset, pg_get_function_result(f.oid)), 'UTF8')), 'hex'), false
FROM functions f JOIN pg_language l ON l.oid = f.prolang
UNION ALL
SELECT 'body of function', f.name, encode(sha256(convert_to(pg_get_function_sqlbody(f.oid), 'UTF8')), 'hex'), true
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
UNION ALL
SELECT 'reading beyond the ledger', w.name, string_agg(DISTINCT c.relname, ', ' ORDER BY c.relname), false
FROM pg_class c CROSS JOIN aclexplode(c.relacl) a JOIN who w ON w.oid = a.grantee AND w.name IN ('observer', 'everybody')
WHERE c.relnamespace = 'public'::regnamespace AND c.oid NOT IN (SELECT oid FROM relations)
GROUP BY w.name
UNION ALL
SELECT 'role', w.name, coalesce(nullif(a.held, ''), 'nothing special'), false
FROM who w JOIN attributes a ON a.oid = w.oid WHERE w.name IN ('application', 'observer', 'owner')
UNION ALL
SELECT 'powerful role', a.rolname, a.held, false FROM attributes a JOIN who w ON w.oid = a.oid
WHERE a.oid <> 10 AND NOT starts_with(a.rolname, 'pg_') AND a.rolname <> ALL (%(administrators)s::text[])
  AND w.name NOT IN ('application', 'observer', 'owner') AND a.held ~ 'superuser|creates roles|replicates|bypasses'
UNION ALL
SELECT 'membership', m.name || ' in ' || g.name, 'member', false
FROM pg_auth_members x JOIN who m ON m.oid = x.member JOIN who g ON g.oid = x.roleid
WHERE (m.watched OR g.name = 'owner') AND NOT m.super AND m.name <> ALL (%(administrators)s::text[])
UNION ALL
-- A name is looked up in other schemas first where the search path says so, and a schema named as
-- the role stands before public by default.
SELECT 'shadow', n.nspname || '.' || named.name, 'has a name of the ledger''s, in another schema', false
FROM (SELECT relname::text AS name, relnamespace AS namespace FROM pg_class
      WHERE relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND relname IN (SELECT relname FROM relations)
      UNION SELECT proname, pronamespace FROM pg_proc WHERE proname IN (SELECT proname FROM functions)) named
JOIN pg_namespace n ON n.oid = named.namespace
WHERE n.nspname NOT IN ('public', 'pg_catalog', 'information_schema') AND NOT starts_with(n.nspname, 'pg_temp_')
UNION ALL
SELECT 'setting', 'session_replication_role', current_setting('session_replication_role'), false
UNION ALL
SELECT 'setting', format('session_replication_role of %%s', coalesce(
           (SELECT w.name FROM who w WHERE w.oid = s.setrole AND s.setrole <> 0), 'the database')), entry, false
FROM pg_db_role_setting s CROSS JOIN unnest(s.setconfig) entry
WHERE s.setdatabase IN (0, (SELECT d.oid FROM pg_database d WHERE d.datname = current_database()))
  AND starts_with(entry, 'session_replication_role=')
UNION ALL
SELECT 'event trigger', e.evtname, e.evtevent || ' ' || e.evtfoid::regproc::text, false FROM pg_event_trigger e
UNION ALL
SELECT 'subscription', s.subname, 'writes rows from elsewhere', false
FROM pg_subscription s JOIN pg_database d ON d.oid = s.subdbid WHERE d.datname = current_database()
ORDER BY 1, 2
