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
