"""The ledger in Django's own admin. It must never change what is append-only."""

from events.admin import accounts, ledger, registry, tokens

__all__ = ["accounts", "ledger", "registry", "tokens"]
