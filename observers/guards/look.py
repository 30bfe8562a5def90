"""Reads the guards from the catalogue, without caching, and compares them with the expectations.
Also registers them as a Django system check (`manage.py check --database default`), which warns and
does not stop a command."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from django.core.checks import CheckMessage, Tags, Warning, register
from django.db import DatabaseError

from events.errors import LedgerError
from events.store.guards import GuardState, read_guards
from observers.guards.comparison import Deviation, Expectations, compare, from_document

EXPECTED = Path(__file__).with_name("expected.json")
"""Made by `make guard-expectations`; a test compares it with a freshly migrated ledger."""


@dataclass(frozen=True, slots=True)
class Guards:
    """The state of every guard at one time."""

    state: GuardState
    deviations: tuple[Deviation, ...]

    @property
    def role(self) -> str:
        """The application's own role."""
        return self.state.role

    @property
    def triggers(self) -> list[tuple[str, str]]:
        """Every trigger of the ledger, and its state."""
        return [(f.subject, f.value) for f in self.state.facts if f.aspect == "state of trigger"]

    @property
    def rights(self) -> list[tuple[str, str]]:
        """The application's rights on each table."""
        suffix = " to application"
        return [
            (fact.subject.removesuffix(suffix), fact.value)
            for fact in self.state.facts
            if fact.aspect == "rights on relation" and fact.subject.endswith(suffix)
        ]

    @property
    def compared_in_part(self) -> bool:
        """True when this PostgreSQL version differs from that of the expectations, so that deparsed
        text (checks, views) is checked for existence only."""
        return self.state.major != expectations().major


@cache
def expectations() -> Expectations:
    """Returns the facts of a freshly migrated ledger."""
    return from_document(json.loads(EXPECTED.read_text(encoding="utf-8")))


def compare_guards(using: str = "default") -> Guards:
    """Compares every guard. `using` is the application's own connection."""
    state = read_guards(using)
    return Guards(state, tuple(compare(expectations(), state.facts, state.major)))


SHOWN = 5


@register(Tags.database)
def check_guards(databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """Returns one warning for all deviations; nothing where there is no ledger yet."""
    if not databases or "default" not in databases:
        return []
    try:
        guards = compare_guards()
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
            hint="manage.py check_guards lists them; see docs/watch.md.",
            id="ledger.W001",
        )
    ]
