"""Heads that were seen, kept outside the database, and compared with what the ledger has now. They
must never be taken from the ledger that they are to judge."""
