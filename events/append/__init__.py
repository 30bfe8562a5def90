"""Appends events: queue, transaction, hash chain, and the services that sign."""
