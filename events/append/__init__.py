"""Appends events: the queue, the transaction, the chain, and the services that sign."""
