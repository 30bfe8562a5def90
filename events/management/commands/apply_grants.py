"""`apply_grants`: grants the non-owning roles what they need, and revokes the rest."""

from __future__ import annotations

from typing import Any

from events.management.base import LedgerCommand
from events.store.maintenance import grant


class Command(LedgerCommand):
    """Run after every migration, as the role that owns the tables. Idempotent."""

    help = (
        "Grant the roles portal_app and portal_observer their privileges: SELECT and INSERT where "
        "the ledger is append-only, and no more. Run it after every migration; it is idempotent. "
        "Roles that do not exist are skipped; database_roles creates them."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        grant()
