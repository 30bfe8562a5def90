"""Looks at the guards now and says where they differ from what the migrations make.

It must never remember: every look asks the catalogue again.
"""

from __future__ import annotations

import json
from dataclasses import astuple, dataclass
from functools import cache
from pathlib import Path

from events.store.guards import GuardState, read_guards
from observers.guards.comparison import Deviation, Expectations, compare, from_document

EXPECTED = Path(__file__).with_name("expected.json")
"""Made by `make guard-expectations`; a test compares it with a freshly migrated ledger."""


@dataclass(frozen=True, slots=True)
class Guards:
    """One look at every guard."""

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
        """What the application may do with each table."""
        suffix = " to application"
        return [
            (fact.subject.removesuffix(suffix), fact.value)
            for fact in self.state.facts
            if fact.aspect == "rights on relation" and fact.subject.endswith(suffix)
        ]

    @property
    def compared_in_part(self) -> bool:
        """Whether this is another PostgreSQL than the expectations were made with, so that what
        it words itself (checks, views) is looked for and not compared."""
        return self.state.major != expectations().major


@cache
def expectations() -> Expectations:
    """What a freshly migrated ledger looks like."""
    return from_document(json.loads(EXPECTED.read_text(encoding="utf-8")))


def look_at_guards(using: str = "default") -> Guards:
    """Every guard, compared. `using` is the application's own connection."""
    state = read_guards(using)
    facts = (astuple(fact) for fact in state.facts)
    return Guards(state, tuple(compare(expectations(), facts, state.major)))
