-- name: pin_catalogue
-- For the transaction: names are the catalogue's own, and text is written out one way, whatever the
-- role, the database, the server or the session has set. Statements, because no name is looked up in
-- these.
SET LOCAL search_path = pg_catalog, pg_temp;
SET LOCAL datestyle = 'ISO, MDY';
SET LOCAL intervalstyle = 'postgres';
SET LOCAL timezone = 'UTC';
SET LOCAL bytea_output = 'hex';
SET LOCAL quote_all_identifiers = off;
SET LOCAL standard_conforming_strings = on;
SET LOCAL extra_float_digits = 1;
SET LOCAL transform_null_equals = off;

-- name: pin_decisions
-- For the transaction: the ledger's tables too, behind the catalogue's names.
SET LOCAL search_path = pg_catalog, public, pg_temp;

-- fragment: parts
-- The roles by the part they play: the application is who asks.
SELECT current_user::text AS application, %(observer)s::text AS observer,
       coalesce(%(owner)s::text, (SELECT pg_get_userbyid(c.relowner)::text FROM pg_class c
           WHERE c.relnamespace = 'public'::regnamespace AND c.relname = 'events')) AS owner

-- name: guard_facts
-- What guards the ledger, as the catalogue has it: one row a fact, (aspect, subject, value,
-- deparsed). A deparsed value is text that PostgreSQL writes out anew, which may read otherwise in
-- another major version. Read behind pin_catalogue, so that no name is anybody else's.
WITH parts AS (
    -- include: guards.parts
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

-- name: guard_surroundings
-- What stands around the ledger and could take its guards away or hide that they are gone: roles,
-- memberships, settings, names that stand before the ledger's, and the catalogue itself. One row a fact,
-- as in guard_facts. Most are there only where something is wrong.
WITH RECURSIVE parts AS (
    -- include: guards.parts
), attributes AS (
    SELECT r.oid, concat_ws(', ', CASE WHEN r.rolsuper THEN 'superuser' END, CASE WHEN r.rolcreaterole THEN 'creates roles' END,
               CASE WHEN r.rolcreatedb THEN 'creates databases' END, CASE WHEN r.rolreplication THEN 'replicates' END,
               CASE WHEN r.rolbypassrls THEN 'bypasses row security' END) AS held,
           r.rolsuper OR r.rolcreaterole OR r.rolreplication OR r.rolbypassrls
               OR r.oid < 16384 AND r.rolname IN ('pg_write_all_data', 'pg_execute_server_program', 'pg_read_server_files',
                   'pg_write_server_files', 'pg_create_subscription', 'pg_maintain') AS powerful
    FROM pg_roles r
), who AS (
    SELECT 0::oid AS oid, 'everybody' AS name, false AS super, '' AS held, false AS powerful, false AS known, false AS predefined
    UNION ALL
    SELECT r.oid, CASE r.rolname WHEN p.application THEN 'application' WHEN p.observer THEN 'observer'
               WHEN p.owner THEN 'owner' ELSE r.rolname END, r.rolsuper, a.held, a.powerful,
           r.oid = 10 OR r.rolname = ANY (%(administrators)s::text[]),
           r.oid < 10000 AND starts_with(r.rolname, 'pg_') AND a.held = '' AND NOT r.rolcanlogin
    FROM pg_roles r JOIN attributes a ON a.oid = r.oid CROSS JOIN parts p
), reaches (member, role) AS (
    SELECT m.member, m.roleid FROM pg_auth_members m
    UNION
    SELECT r.member, m.roleid FROM reaches r JOIN pg_auth_members m ON m.member = r.role
), ours AS (
    SELECT c.oid FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND (
        c.relkind IN ('r', 'p') AND c.relname = ANY (%(tables)s::text[])
        OR c.relkind IN ('v', 'm') AND NOT starts_with(c.relname, 'procrastinate_')
        OR c.relkind = 'S')
), beyond AS (
    SELECT c.relname, a.grantee, a.privilege_type FROM pg_class c CROSS JOIN aclexplode(c.relacl) a
    WHERE c.relnamespace = 'public'::regnamespace AND c.oid NOT IN (SELECT oid FROM ours) AND a.grantee <> c.relowner
    UNION
    SELECT c.relname, a.grantee, a.privilege_type
    FROM pg_class c JOIN pg_attribute t ON t.attrelid = c.oid CROSS JOIN aclexplode(t.attacl) a
    WHERE c.relnamespace = 'public'::regnamespace AND c.oid NOT IN (SELECT oid FROM ours) AND a.grantee <> c.relowner
), settings AS (
    SELECT s.setrole, s.setdatabase, split_part(entry, '=', 1) AS name, substr(entry, strpos(entry, '=') + 1) AS value
    FROM pg_db_role_setting s CROSS JOIN unnest(s.setconfig) entry
    WHERE s.setdatabase IN (0, (SELECT d.oid FROM pg_database d WHERE d.datname = current_database()))
), members AS (
    -- What an extension brought along: made by the same transaction, or code of its library. One that was
    -- there from the beginning brought nothing since; what was made otherwise and added to one is not its own.
    SELECT d.classid, d.objid FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid
    LEFT JOIN pg_operator o ON d.classid = 'pg_operator'::regclass AND o.oid = d.objid
    LEFT JOIN pg_cast c ON d.classid = 'pg_cast'::regclass AND c.oid = d.objid
    LEFT JOIN pg_proc f ON f.oid = CASE d.classid WHEN 'pg_proc'::regclass THEN d.objid ELSE coalesce(o.oprcode::oid, c.castfunc) END
    WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e' AND e.oid >= 16384
      AND (f.prolang = 13 OR e.xmin IN (o.xmin, c.xmin, CASE WHEN d.classid = 'pg_proc'::regclass THEN f.xmin END))
), named AS (
    SELECT 'pg_class'::regclass AS class, c.oid, c.relname::text AS name, c.relname::text AS shown, c.relnamespace AS namespace,
           c.relnamespace <> 'public'::regnamespace AND c.relname IN (SELECT o.relname FROM pg_class o JOIN ours USING (oid))
               OR EXISTS (SELECT FROM pg_class s WHERE s.relnamespace = 'pg_catalog'::regnamespace AND s.relname = c.relname AND s.oid < 16384) AS shadow
    FROM pg_class c WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
    UNION ALL
    SELECT 'pg_proc'::regclass, p.oid, p.proname, p.proname, p.pronamespace,
           p.pronamespace <> 'public'::regnamespace
           AND NOT EXISTS (SELECT FROM members m WHERE m.classid = 'pg_proc'::regclass AND m.objid = p.oid)
           AND (EXISTS (SELECT FROM pg_proc o WHERE o.pronamespace = 'public'::regnamespace AND o.proname = p.proname AND NOT starts_with(o.proname, 'procrastinate_'))
                OR EXISTS (SELECT FROM pg_proc s WHERE s.pronamespace = 'pg_catalog'::regnamespace AND s.proname = p.proname AND s.oid < 16384))
    FROM pg_proc p
    UNION ALL
    SELECT 'pg_operator'::regclass, o.oid, o.oprname, o.oprname || '(' || format_type(o.oprleft, NULL) || ', ' || format_type(o.oprright, NULL) || ')',
           o.oprnamespace, NOT EXISTS (SELECT FROM members m WHERE m.classid = 'pg_operator'::regclass AND m.objid = o.oid)
    FROM pg_operator o
    UNION ALL
    SELECT 'pg_type'::regclass, t.oid, t.typname, t.typname, t.typnamespace,
           EXISTS (SELECT FROM pg_type s WHERE s.typnamespace = 'pg_catalog'::regnamespace AND s.typname = t.typname AND s.oid < 16384)
    FROM pg_type t WHERE t.typrelid = 0 AND t.typelem = 0
), catalogues (name) AS (
    VALUES ('pg_attrdef'), ('pg_attribute'), ('pg_auth_members'), ('pg_cast'), ('pg_class'), ('pg_constraint'), ('pg_database'),
           ('pg_db_role_setting'), ('pg_default_acl'), ('pg_depend'), ('pg_event_trigger'), ('pg_foreign_server'), ('pg_index'),
           ('pg_inherits'), ('pg_language'), ('pg_namespace'), ('pg_operator'), ('pg_policy'), ('pg_proc'), ('pg_publication'),
           ('pg_rewrite'), ('pg_sequence'), ('pg_subscription'), ('pg_trigger'), ('pg_type')
)
SELECT 'role', w.name, coalesce(nullif(w.held, ''), 'nothing special'), false
FROM who w WHERE w.name IN ('application', 'observer', 'owner')
UNION ALL
SELECT 'powerful role', w.name, w.held, false FROM who w
WHERE w.powerful AND NOT w.known AND NOT w.predefined AND w.name NOT IN ('application', 'observer', 'owner')
UNION ALL
-- Whoever may become one of the portal's roles, or one that no right stops, by whatever way.
SELECT 'membership', m.name || ' in ' || g.name, 'member', false
FROM reaches x JOIN who m ON m.oid = x.member JOIN who g ON g.oid = x.role
WHERE NOT m.super AND NOT m.known
  AND (m.name IN ('application', 'observer') OR g.name IN ('application', 'observer', 'owner') OR g.powerful)
UNION ALL
SELECT 'reading beyond the ledger', w.name, string_agg(DISTINCT b.relname, ', ' ORDER BY b.relname), false
FROM beyond b JOIN who w ON w.oid = b.grantee AND w.name IN ('observer', 'everybody')
GROUP BY w.name
UNION ALL
SELECT 'rights beyond the ledger', b.relname || ' to ' || w.name, string_agg(b.privilege_type, ', ' ORDER BY b.privilege_type), false
FROM beyond b JOIN who w ON w.oid = b.grantee
WHERE w.name <> 'application' AND NOT w.super AND NOT w.known AND NOT w.predefined AND b.privilege_type <> 'SELECT'
GROUP BY b.relname, w.name
UNION ALL
SELECT 'default rights', w.name || ' gives on new ' || CASE d.defaclobjtype WHEN 'r' THEN 'tables' WHEN 'S' THEN 'sequences'
           WHEN 'f' THEN 'functions' WHEN 'T' THEN 'types' WHEN 'n' THEN 'schemas' ELSE 'large objects' END || ' to ' || g.name,
       string_agg(a.privilege_type, ', ' ORDER BY a.privilege_type), false
FROM pg_default_acl d CROSS JOIN aclexplode(d.defaclacl) a JOIN who w ON w.oid = d.defaclrole JOIN who g ON g.oid = a.grantee
WHERE a.grantee <> d.defaclrole
GROUP BY w.name, d.defaclobjtype, g.name
UNION ALL
-- Settings that a session of the portal's roles begins with. What only formats, plans, logs or limits is
-- the operator's own.
SELECT 'setting', s.name || ' of ' || CASE WHEN s.setrole <> 0 THEN w.name WHEN s.setdatabase <> 0 THEN 'the database' ELSE 'everybody' END
           || CASE WHEN s.setrole <> 0 AND s.setdatabase <> 0 THEN ', in the database' ELSE '' END, s.value, false
FROM settings s JOIN who w ON w.oid = s.setrole
WHERE w.name IN ('everybody', 'application', 'observer', 'owner')
  AND NOT lower(s.name) ~ %(harmless)s::text
  AND NOT (lower(s.name) = 'synchronous_commit' AND lower(s.value) IN ('on', 'local', 'remote_write', 'remote_apply'))
UNION ALL
SELECT 'setting', 'session_replication_role', current_setting('session_replication_role'), false
UNION ALL
-- As the server, the database or the role has them, whatever the session was told since.
SELECT 'setting', s.name, 'off: what is acknowledged may be lost', false
FROM pg_show_all_settings() s WHERE s.name = ANY (%(durable)s::text[]) AND 'off' IN (s.setting, s.reset_val)
UNION ALL
SELECT 'setting', 'encoding of the database', pg_encoding_to_char(d.encoding)::text, false
FROM pg_database d WHERE d.datname = current_database()
UNION ALL
-- A name is looked up in other schemas first where a search path says so; the catalogue's own schema and
-- that of temporary tables stand before public without any.
SELECT DISTINCT 'shadow', n.nspname || '.' || s.shown, CASE WHEN n.nspname IN ('pg_catalog', 'information_schema')
           THEN 'is not PostgreSQL''s, in its own schema' ELSE 'has a name of the ledger''s or of PostgreSQL''s' END, false
FROM named s JOIN pg_namespace n ON n.oid = s.namespace
WHERE s.oid >= 16384 AND (s.shadow OR n.nspname IN ('pg_catalog', 'information_schema'))
UNION ALL
SELECT 'cast', format_type(c.castsource, NULL) || ' to ' || format_type(c.casttarget, NULL), 'is not PostgreSQL''s', false
FROM pg_cast c WHERE c.oid >= 16384 AND NOT EXISTS (SELECT FROM members m WHERE m.classid = 'pg_cast'::regclass AND m.objid = c.oid)
UNION ALL
-- The catalogue's tables are what their names lead to, and nothing hides rows of them.
SELECT 'catalogue', k.name, concat_ws(', ', coalesce(to_regclass('pg_catalog.' || k.name)::oid::text, 'gone'), c.relkind::text,
           CASE WHEN c.relrowsecurity OR c.relforcerowsecurity THEN 'row security' END, CASE WHEN c.relhasrules THEN 'rules' END), false
FROM catalogues k LEFT JOIN pg_class c ON c.oid = to_regclass('pg_catalog.' || k.name)::oid
UNION ALL
SELECT 'catalogue', 'pg_roles', encode(sha256(convert_to(pg_get_viewdef('pg_catalog.pg_roles'::regclass), 'UTF8')), 'hex'), true
UNION ALL
-- Whatever has one of the numbers that are given while a cluster is made counts as PostgreSQL's.
SELECT 'catalogue', h.name || ' of PostgreSQL', encode(sha256(convert_to(h.content, 'UTF8')), 'hex'), true
FROM (SELECT 'functions', string_agg(concat_ws(' ', n.nspname, p.proname, oidvectortypes(p.proargtypes), l.lanname, p.prosrc, p.probin, p.proconfig,
                 pg_get_function_sqlbody(p.oid), p.prorettype::regtype, p.proargnames, p.proargmodes, p.pronargdefaults, p.provariadic::oid, p.prokind,
                 p.prosecdef, p.proisstrict, p.proretset, p.provolatile, p.prosupport),
                 '|' ORDER BY n.nspname, p.proname, oidvectortypes(p.proargtypes) COLLATE "C")
      FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace JOIN pg_language l ON l.oid = p.prolang WHERE p.oid < 16384
      UNION ALL
      SELECT 'aggregates', string_agg(a::text, '|' ORDER BY a.aggfnoid::oid) FROM pg_aggregate a WHERE a.aggfnoid::oid < 16384
      UNION ALL
      SELECT 'operators', string_agg(concat_ws(' ', o.oid, o.oprname, o.oprnamespace::oid, o.oprleft::oid, o.oprright::oid, o.oprresult::oid, o.oprcode::oid,
                 o.oprcom::oid, o.oprnegate::oid, o.oprcanmerge, o.oprcanhash), '|' ORDER BY o.oid)
      FROM pg_operator o WHERE o.oid < 16384
      UNION ALL
      SELECT 'casts', string_agg(concat_ws(' ', c.castsource::regtype, c.casttarget::regtype, c.castfunc::regprocedure, c.castcontext, c.castmethod),
                 '|' ORDER BY c.castsource, c.casttarget)
      FROM pg_cast c WHERE c.oid < 16384
      UNION ALL
      SELECT 'types', string_agg(concat_ws(' ', t.oid, t.typname, t.typnamespace::oid, t.typlen, t.typbyval, t.typtype, t.typelem::oid, t.typinput::oid,
                 t.typoutput::oid, t.typreceive::oid, t.typsend::oid, t.typbasetype::oid, t.typcollation::oid), '|' ORDER BY t.oid)
      FROM pg_type t WHERE t.oid < 10000
      UNION ALL
      SELECT 'languages', string_agg(concat_ws(' ', l.lanname, l.lanpltrusted, l.lanplcallfoid::regprocedure, l.laninline::regprocedure,
                 l.lanvalidator::regprocedure), '|' ORDER BY l.lanname)
      FROM pg_language l WHERE l.oid < 16384
      UNION ALL
      SELECT 'comparisons', concat_ws('|',
                 (SELECT string_agg(concat_ws(' ', m.amopfamily, m.amoplefttype, m.amoprighttype, m.amopstrategy, m.amopopr), ',' ORDER BY m.oid)
                  FROM pg_amop m WHERE m.oid < 16384),
                 (SELECT string_agg(concat_ws(' ', m.amprocfamily, m.amproclefttype, m.amprocrighttype, m.amprocnum, m.amproc::oid), ',' ORDER BY m.oid)
                  FROM pg_amproc m WHERE m.oid < 16384),
                 (SELECT string_agg(concat_ws(' ', m.opcmethod, m.opcname, m.opcfamily, m.opcintype, m.opcdefault), ',' ORDER BY m.oid)
                  FROM pg_opclass m WHERE m.oid < 16384))
      UNION ALL
      SELECT 'relations', string_agg(concat_ws(' ', n.nspname, c.relname, c.relkind), '|' ORDER BY n.nspname, c.relname)
      FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid < 16384 AND n.nspname <> 'pg_toast') h (name, content)
UNION ALL
-- A way around what a role may not do, wherever it stands: a function that runs as who owns it.
SELECT 'function of its owner''s rights', n.nspname || '.' || p.proname || '(' || oidvectortypes(p.proargtypes) || ')', 'runs as ' || pg_get_userbyid(p.proowner), false
FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE p.prosecdef AND p.oid >= 16384 AND (n.nspname <> 'public' OR starts_with(p.proname, 'procrastinate_'))
  AND NOT EXISTS (SELECT FROM members m WHERE m.classid = 'pg_proc'::regclass AND m.objid = p.oid)
UNION ALL
-- Of what PostgreSQL keeps to superusers when it is made, nothing is the portal's roles' or everybody's.
SELECT 'rights on PostgreSQL', p.oid::regprocedure || ' to ' || w.name, 'EXECUTE', false
FROM pg_proc p JOIN pg_init_privs i ON i.classoid = 'pg_proc'::regclass AND i.objoid = p.oid AND i.privtype = 'i'
CROSS JOIN aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a JOIN who w ON w.oid = a.grantee
WHERE w.name IN ('everybody', 'application', 'observer', 'owner')
  AND NOT EXISTS (SELECT FROM aclexplode(i.initprivs) b WHERE b.grantee = a.grantee)
UNION ALL
SELECT 'rights on PostgreSQL', c.relname || ' to ' || w.name, string_agg(DISTINCT a.privilege_type, ', '), false
FROM pg_class c LEFT JOIN pg_attribute t ON t.attrelid = c.oid
CROSS JOIN LATERAL (SELECT * FROM aclexplode(c.relacl) UNION SELECT * FROM aclexplode(t.attacl)) a JOIN who w ON w.oid = a.grantee
WHERE c.relnamespace = 'pg_catalog'::regnamespace AND c.oid < 16384 AND c.relname NOT IN ('pg_settings')
  AND a.privilege_type <> 'SELECT' AND NOT w.super
GROUP BY c.relname, w.name
UNION ALL
SELECT 'rights on setting', q.parname || ' to ' || w.name, string_agg(a.privilege_type, ', ' ORDER BY a.privilege_type), false
FROM pg_parameter_acl q CROSS JOIN aclexplode(q.paracl) a JOIN who w ON w.oid = a.grantee
WHERE w.name IN ('everybody', 'application', 'observer', 'owner')
GROUP BY q.parname, w.name
UNION ALL
-- The portal's roles make nothing, anywhere.
SELECT 'rights on schema', n.nspname || ' to ' || w.name, CASE WHEN n.nspowner = w.oid THEN 'it owns it' ELSE 'CREATE' END, false
FROM pg_namespace n JOIN who w ON w.name IN ('everybody', 'application', 'observer')
WHERE n.nspname <> 'public' AND (n.nspowner = w.oid OR EXISTS (
    SELECT FROM aclexplode(n.nspacl) a WHERE a.grantee = w.oid AND a.privilege_type = 'CREATE'))
UNION ALL
-- What is done behind the back of who writes to the tables beside the ledger's, such as those of accounts.
SELECT 'beside the ledger', c.relname || '.' || g.name, encode(sha256(convert_to(g.what, 'UTF8')), 'hex'), true
FROM pg_class c CROSS JOIN LATERAL (
    SELECT t.tgname, concat_ws('|', pg_get_triggerdef(t.oid), t.tgenabled, p.prosrc) FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid
    WHERE t.tgrelid = c.oid AND NOT (t.tgconstraint <> 0 AND p.oid < 16384)
    UNION ALL
    SELECT w.rulename, pg_get_ruledef(w.oid) FROM pg_rewrite w WHERE w.ev_class = c.oid) g (name, what)
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND c.oid NOT IN (SELECT oid FROM ours)
UNION ALL
SELECT 'event trigger', e.evtname, e.evtevent || ' ' || e.evtfoid::regproc::text, false FROM pg_event_trigger e
UNION ALL
SELECT 'publication', p.pubname, 'gives rows to others', false FROM pg_publication p
UNION ALL
SELECT 'subscription', s.subname, 'writes rows from elsewhere', false
FROM pg_subscription s JOIN pg_database d ON d.oid = s.subdbid WHERE d.datname = current_database()
UNION ALL
SELECT 'foreign server', f.srvname, 'reads and writes elsewhere', false FROM pg_foreign_server f
UNION ALL
SELECT 'language', l.lanname, 'runs anything as the server', false FROM pg_language l WHERE NOT l.lanpltrusted AND l.oid >= 16384
ORDER BY 1, 2

-- name: decision_facts
-- Rows in force that no event of the chain decided, or decided but not in force: one row per fact,
-- as in guard_facts. None where people, keys, threshold and halt are what the events say. While
-- a ledger is halted, the event of one of the first people may still be waiting.
WITH decided AS (
    SELECT e.sequence, e.event_id, e.event_type, e.payload, e.payload #> '{proposal,details}' AS details
    FROM events e
    WHERE e.agent_id IS NULL AND e.event_type IN (
        'system.person_registered', 'system.halted', 'ceremony.add_person', 'ceremony.retire_person',
        'ceremony.clear_halt')
), registry AS (
    SELECT key_id AS name, agent_id AS owner, public_key, custody, from_sequence, until_sequence FROM agent_keys
    UNION ALL
    SELECT witness_id, NULL, public_key, 'server', from_sequence, until_sequence FROM witnesses
), waiting AS (
    SELECT record FROM jsonb_array_elements(waiting_records()) record
)
SELECT 'person', k.person || ' ' || k.public_key, 'registered, and no event says so', false
FROM person_keys k
WHERE NOT EXISTS (
        SELECT FROM decided d WHERE d.event_id = k.event_id AND (k.person, k.public_key) = (
            CASE d.event_type WHEN 'system.person_registered' THEN d.payload ->> 'person' WHEN 'ceremony.add_person' THEN d.details ->> 'person' END,
            CASE d.event_type WHEN 'system.person_registered' THEN d.payload ->> 'public_key' WHEN 'ceremony.add_person' THEN d.details ->> 'public_key' END))
  AND NOT EXISTS (
        SELECT FROM waiting w WHERE w.record ->> 'event_id' = k.event_id::text
          AND (k.person, k.public_key) = (w.record #>> '{payload,person}', w.record #>> '{payload,public_key}'))
UNION ALL
SELECT 'person', d.person || ' ' || d.public_key, format('registered by event %%s, when three people were registered already', d.sequence), false
FROM (
    SELECT d.sequence, d.payload ->> 'person' AS person, d.payload ->> 'public_key' AS public_key, row_number() OVER (ORDER BY d.sequence) AS number
    FROM decided d WHERE d.event_type = 'system.person_registered') d
WHERE d.number > 3
UNION ALL
SELECT 'person', d.person || ' ' || d.public_key, format('not in force, and event %%s registered them', d.sequence), false
FROM (
    SELECT d.sequence, d.event_id, s ->> 'person' AS person, s ->> 'public_key' AS public_key
    FROM decided d CROSS JOIN LATERAL (SELECT CASE d.event_type WHEN 'system.person_registered' THEN d.payload ELSE d.details END) said (s)
    WHERE d.event_type IN ('system.person_registered', 'ceremony.add_person')) d
WHERE NOT EXISTS (
    SELECT FROM person_keys k WHERE k.event_id = d.event_id AND (k.person, k.public_key) = (d.person, d.public_key))
UNION ALL
SELECT 'record', u.event_type || ' ' || replace(u.event_id::text, '-', ''), 'waits to be written, and nothing calls for it', false
FROM unwritten_records u
WHERE NOT EXISTS (SELECT FROM events e WHERE e.event_id = u.event_id)
  AND NOT EXISTS (SELECT FROM waiting w WHERE w.record ->> 'event_id' = u.event_id::text)
UNION ALL
SELECT 'person', d.details ->> 'person' || ' ' || k.public_key, format('valid beyond event %%s, which retired them', d.sequence), false
FROM decided d JOIN person_keys k ON k.person = d.details ->> 'person' AND k.from_sequence <= d.sequence
WHERE d.event_type = 'ceremony.retire_person' AND (k.until_sequence IS NULL OR k.until_sequence > d.sequence)
UNION ALL
SELECT 'key', k.name, 'registered, and no event says so', false
FROM registry k
WHERE NOT EXISTS (SELECT FROM key_changes c WHERE c.change = 'registered' AND c.id = k.name)
UNION ALL
SELECT 'key', c.id, format('not what event %%s registered', c.sequence), false
FROM key_changes c JOIN registry k ON k.name = c.id
WHERE c.change = 'registered' AND (k.owner, k.public_key, k.custody, k.from_sequence)
    IS DISTINCT FROM (c.owner, c.public_key, c.custody, c.from_sequence)
UNION ALL
SELECT 'key', k.name, format('valid beyond event %%s, which ended it', c.sequence), false
FROM key_changes c JOIN registry k ON k.name = c.id
WHERE c.change = 'retired' AND (k.until_sequence IS NULL OR k.until_sequence > c.sequence)
UNION ALL
SELECT 'key', k.name, format('ended at event %%s, which does not say so', k.until_sequence), false
FROM registry k
WHERE k.until_sequence IS NOT NULL AND NOT EXISTS (
    SELECT FROM key_changes c WHERE c.change = 'retired' AND c.id = k.name AND c.sequence <= k.until_sequence)
UNION ALL
SELECT 'key', c.id, format('gone, and event %%s speaks of it', c.sequence), false
FROM key_changes c
WHERE c.id IS NOT NULL AND NOT EXISTS (SELECT FROM registry k WHERE k.name = c.id)
UNION ALL
SELECT 'threshold', 'drift', format('%%s s, and the chain decided %%s s', c.drift_threshold_seconds, decided_threshold()), false
FROM ledger_config c
WHERE c.drift_threshold_seconds IS DISTINCT FROM decided_threshold()
UNION ALL
SELECT 'threshold', 'drift', 'gone, and nothing is appended without it', false
WHERE NOT EXISTS (SELECT FROM ledger_config)
UNION ALL
SELECT 'halt', 'state', 'gone, and nothing is appended without it', false
WHERE NOT EXISTS (SELECT FROM halt_state)
UNION ALL
SELECT 'halt', format('event %%s', d.sequence), 'lifted, and no ceremony says so', false
FROM (SELECT max(sequence) AS sequence FROM decided WHERE event_type = 'system.halted') d
WHERE d.sequence > coalesce((SELECT max(sequence) FROM decided WHERE event_type = 'ceremony.clear_halt'), 0)
  AND NOT EXISTS (SELECT FROM halt_state h WHERE h.halted)
ORDER BY 1, 2

-- name: versions
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
