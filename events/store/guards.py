"""Whether the database's own guards are in place: the ledger's triggers, and the rights of the
application's role. It must never repair one: who switched it off must be found first."""

from __future__ import annotations

from dataclasses import dataclass

from events.store.connection import fetch_all

ALWAYS = "A"
"""`ENABLE ALWAYS` in `pg_trigger.tgenabled`: fires under every session_replication_role."""

_REFUSE = ("refuse_change", "ea03ae73625bc34b")
_REFUSE_REMOVAL = ("refuse_change", "7fb0dd086bb3ae6b")
_RETIRE_ONLY = ("refuse_all_but_retirement", "8b9d7f0c8425f060")

EXPECTED: dict[tuple[str, str], tuple[str, str]] = {
    ("events", "refuse_change_of_events"): ("refuse_change_but_erasure", "441b761ada9ecb61"),
    ("events", "refuse_change_of_event"): ("refuse_change_but_erasure", "c387ca19e84f7f8d"),
    ("events", "refuse_removal_of_events"): _REFUSE_REMOVAL,
    ("events", "carry_out_ceremony_at_commit"): ("carry_out_ceremony", "336c23947d7f000c"),
    ("events", "guard_append_before_insert"): ("guard_append", "b650c1a0228dc081"),
    ("events", "check_append_on_insert"): ("check_append", "3f7c973b191d0abe"),
    ("events", "log_clock_drift_on_insert"): ("log_clock_drift", "4bfac252dc62901d"),
    ("appends", "refuse_change_of_appends"): _REFUSE,
    ("clock_drift_warnings", "refuse_change_of_clock_drift_warnings"): _REFUSE,
    ("drifted_events", "refuse_change_of_drifted_events"): _REFUSE,
    ("ceremonies", "refuse_change_of_ceremonies"): _REFUSE,
    ("ceremonies", "check_ceremony_step_before_insert"): (
        "check_ceremony_step",
        "25531abc641b375c",
    ),
    ("ceremony_openings", "refuse_change_of_ceremony_openings"): _REFUSE,
    ("ceremony_openings", "mark_ceremony_opening_before_insert"): (
        "mark_ceremony_opening",
        "0eead91e1ca0919a",
    ),
    ("ceremony_openings", "require_ceremony_event_at_commit"): (
        "require_ceremony_event",
        "eeed7e944f5d0c86",
    ),
    ("person_keys", "refuse_change_of_person_keys"): _RETIRE_ONLY,
    ("person_keys", "refuse_removal_of_person_keys"): _REFUSE_REMOVAL,
    ("person_keys", "guard_person_keys_before_insert"): ("guard_person_keys", "3917ffc1200d0b47"),
    ("unwritten_records", "refuse_change_of_unwritten_records"): _REFUSE,
    ("agent_keys", "refuse_change_of_agent_keys"): _RETIRE_ONLY,
    ("agent_keys", "refuse_removal_of_agent_keys"): _REFUSE_REMOVAL,
    ("witnesses", "refuse_change_of_witnesses"): _RETIRE_ONLY,
    ("witnesses", "refuse_removal_of_witnesses"): _REFUSE_REMOVAL,
    ("halt_state", "refuse_change_of_halt_state"): ("refuse_unhalt", "af14131917b2795e"),
    ("halt_state", "refuse_truncate_of_halt_state"): ("refuse_change", "83ff990ece046864"),
}
"""Table and trigger; function, and the fingerprint of what the trigger does, as the migrations
made them. `guard_triggers.sql` says what the fingerprint covers; a test compares them."""

TABLES = (*dict.fromkeys(table for table, _ in EXPECTED), "ledger_config")


@dataclass(frozen=True, slots=True)
class TriggerGuard:
    """One trigger; `fault` is empty when it is as the migrations made it."""

    table: str
    name: str
    function: str
    fault: str


@dataclass(frozen=True, slots=True)
class RoleGuard:
    """The application's role on one table; `fault` is empty when it may only read and add."""

    table: str
    fault: str


@dataclass(frozen=True, slots=True)
class Guards:
    """Every guard, sound or not."""

    role: str
    triggers: tuple[TriggerGuard, ...]
    rights: tuple[RoleGuard, ...]

    @property
    def broken(self) -> list[TriggerGuard | RoleGuard]:
        """Those that are not in place."""
        every: list[TriggerGuard | RoleGuard] = [*self.triggers, *self.rights]
        return [guard for guard in every if guard.fault]


def read_guards(using: str) -> Guards:
    """The guards as the catalogue has them, seen by the role of this connection."""
    tables = {"tables": list(TABLES)}
    found = {(row[0], row[1]): row[2:] for row in fetch_all(using, "guard_triggers", tables)}
    rights = {row[2]: row for row in fetch_all(using, "guard_rights", tables)}
    triggers = [
        TriggerGuard(table, name, expected[0], _trigger_fault(found.get((table, name)), expected))
        for (table, name), expected in EXPECTED.items()
    ]
    role = next((row[0] for row in rights.values()), "")
    roles = [RoleGuard(table, _role_fault(rights.get(table))) for table in TABLES]
    return Guards(role, tuple(triggers), tuple(roles))


def _trigger_fault(found: tuple[str, str, str] | None, expected: tuple[str, str]) -> str:
    if found is None:
        return "is gone"
    enabled, *rest = found
    if enabled == "D":
        return "is switched off"
    if enabled != ALWAYS:
        return "can be switched off by a session (it is not ENABLE ALWAYS)"
    return "" if tuple(rest) == expected else "does something else than it was made for"


def _role_fault(found: tuple[str, bool, str, bool, list[str]] | None) -> str:
    if found is None:
        return "the table is gone"
    _, superuser, _, owner, rights = found
    if superuser:
        return "is a superuser, whom nothing stops"
    if owner:
        return "owns the table, and could switch its triggers off"
    return f"may {', '.join(rights)}" if rights else ""
