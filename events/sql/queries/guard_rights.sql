-- What the role of this connection may do to the ledger's tables beyond reading and adding.
SELECT current_user::text, r.rolsuper, c.relname, pg_has_role(c.relowner, 'USAGE') AS owner,
       ARRAY (SELECT right_name FROM unnest(ARRAY['UPDATE', 'DELETE', 'TRUNCATE', 'TRIGGER']) right_name
              WHERE has_table_privilege(c.oid, right_name)) AS rights
FROM pg_class c JOIN pg_roles r ON r.rolname = current_user
WHERE c.relnamespace = 'public'::regnamespace AND c.relname = ANY (%(tables)s::text[])
ORDER BY c.relname
