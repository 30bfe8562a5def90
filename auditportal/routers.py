"""Which database alias does what.

It must never let the application's role change a table's shape: migrations run as the owner.
"""

from __future__ import annotations

from typing import Any


class AliasRouter:
    """All aliases name one ledger, seen by different roles, so rows of any may meet."""

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool:
        return db == "owner"

    def allow_relation(self, obj1: Any, obj2: Any, **hints: Any) -> bool:
        return True
