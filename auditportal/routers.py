"""Routes migrations to the owner: the application role cannot change tables."""

from __future__ import annotations

from typing import Any


class AliasRouter:
    """All aliases name one ledger under different roles, so relations across them are allowed."""

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool:
        return db == "owner"

    def allow_relation(self, obj1: Any, obj2: Any, **hints: Any) -> bool:
        return True
