"""The only code that runs ledger SQL. It must never decide: rows in, rows out, errors named."""
