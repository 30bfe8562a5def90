"""Verifications that people start from the portal: done in the background in slices, resumed after
any crash, and left as records. They must never change the ledger."""
