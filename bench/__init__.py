"""Benchmarks at size, each over a ledger of its own. Nothing imports this package."""
