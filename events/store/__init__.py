"""Runs the ledger's SQL: rows in, rows out, errors mapped to `LedgerError`. Decides nothing."""
