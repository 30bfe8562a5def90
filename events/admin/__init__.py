"""The ledger in Django's own admin. It must never change what is append-only."""

from events.admin import ledger, registry, tokens

__all__ = ["ledger", "registry", "tokens"]
