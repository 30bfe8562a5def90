"""Wiring of the portal: settings, addresses, the embedded PostgreSQL and the `portal` command.

It must never hold a rule of the ledger; those live in `events` and `observers`.
"""
