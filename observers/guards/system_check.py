"""The guards as one of Django's system checks: `manage.py check --database default`.

It must never stop a command: the portal serves reading, and says aloud what is not in place.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.core.checks import CheckMessage, Tags, Warning, register
from django.db import DatabaseError

from events.errors import LedgerError
from observers.guards.look import look_at_guards

SHOWN = 5


@register(Tags.database)
def check_guards(databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """One warning for all that deviates; nothing where there is no ledger yet to look at."""
    if not databases or "default" not in databases:
        return []
    try:
        guards = look_at_guards()
    except (LedgerError, DatabaseError):
        return []
    deviations = guards.deviations
    if not deviations or not guards.rights:
        return []
    more = f" (and {len(deviations) - SHOWN} more)" if len(deviations) > SHOWN else ""
    return [
        Warning(
            f"{len(deviations)} guards of the ledger are not in place: "
            + "; ".join(map(str, deviations[:SHOWN]))
            + more,
            hint="manage.py check_guards lists them; docs/operations.md says what to do.",
            id="ledger.W001",
        )
    ]
