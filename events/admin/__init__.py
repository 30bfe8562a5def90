"""The ledger, its keys, tokens and accounts in Django's admin."""

from events.admin import accounts, ledger, registry
from events.admin import registry as tokens

__all__ = ["accounts", "ledger", "registry", "tokens"]
