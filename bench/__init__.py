"""Measurements at size. Nothing imports this package, and it must never touch a ledger of use."""
