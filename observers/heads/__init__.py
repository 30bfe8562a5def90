"""Seen heads: kept outside the database and compared with the ledger's present state."""
