-- For the transaction: the ledger's tables too, behind the catalogue's names.
SET LOCAL search_path = pg_catalog, public, pg_temp;
