-- What the ledger needs to know of a server before it relies on it.
SELECT current_database(), current_setting('server_encoding'),
       NOT pg_is_in_recovery() AND NOT current_setting('transaction_read_only')::boolean,
       array_remove(ARRAY[CASE WHEN NOT current_setting('fsync')::boolean THEN 'fsync' END,
                          CASE WHEN NOT current_setting('full_page_writes')::boolean THEN 'full_page_writes' END], NULL)
