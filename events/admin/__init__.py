"""The ledger in Django's own admin. It must never change what is append-only."""

from events.admin import accounts, ledger, registry
from events.admin import registry as tokens

__all__ = ["accounts", "ledger", "registry", "tokens"]
