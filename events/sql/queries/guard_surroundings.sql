-- What stands around the ledger and could take its guards away or hide that they are gone: roles,
-- memberships, settings, names that stand before the ledger's, and the catalogue itself. One row a fact,
-- as in guard_facts.sql. Most are there only where something is wrong.
WITH RECURSIVE parts AS (
    SELECT current_user::text AS application, %(observer)s::text AS observer,
           coalesce(%(owner)s::text, (SELECT pg_get_userbyid(c.relowner)::text FROM pg_class c
               WHERE c.relnamespace = 'public'::regnamespace AND c.relname = 'events')) AS owner
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
