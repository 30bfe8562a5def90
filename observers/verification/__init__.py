"""Verifies ranges of the ledger or of an export, check by check."""
