"""Runs the ledger's SQL: rows in, rows out, errors mapped to `LedgerError`. Decides nothing.

`PostgresEventStore` reads events and is the store of `EventStoreProtocol`. Everything else is a
function that takes `using`, the name of a Django connection.
"""
